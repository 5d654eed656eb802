#include "certs/directory.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <random>

#include "certs/batch.h"
#include "tests/certs/sample_exchange.h"
#include "tests/support/matchers.h"
#include "tests/support/vectors.h"

namespace keruen::certs {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Record = std::variant<wire::SignedRecord, wire::UnverifiedSnapshot>;

Digest hash_of(const Record& record) {
  if (const auto* snapshot = std::get_if<wire::UnverifiedSnapshot>(&record)) {
    return sha256(snapshot->head);
  }
  return signed_hash(std::get<wire::SignedRecord>(record));
}

wire::DirectoryLine line_for(const Record& record, LogIndex index, WallTime accepted_at) {
  wire::DirectoryLine line{index, accepted_at, wire::DirectoryType::registry, {}, hash_of(record)};
  if (const auto* signed_record = std::get_if<wire::SignedRecord>(&record)) {
    const auto decoded = *wire::decode_key_record(signed_record->body);
    line.type = wire::type_of(decoded);
    line.agency = wire::agency_of(decoded);
  }
  return line;
}

class DirectoryTest : public ::testing::Test {
 protected:
  DirectoryTest() {
    exchange_.add_agency("kz.border-guard");
    exchange_.add_agency("kz.customs");
    exchange_.add_group("kz.all", {"kz.border-guard", "kz.customs"});
    exchange_.add_rule("kz.all", "kz.all", {MessageKind::notice});
  }

  SampleAgency& customs() { return *exchange_.agencies["kz.customs"]; }
  Directory empty() const { return {exchange_.origin, exchange_.authorities}; }
  // As the broker does: judged, logged, kept. Ten log indexes lie between two lines.
  Result<void> log(const Record& record) {
    const Now now{{}, clock_};
    if (const auto* snapshot = std::get_if<wire::UnverifiedSnapshot>(&record)) {
      KERUEN_CHECK(directory_.would_accept(*snapshot, now));
    } else {
      KERUEN_CHECK(directory_.would_accept(std::get<wire::SignedRecord>(record), now));
    }
    KERUEN_CHECK(directory_.append(line_for(record, next_, clock_)));
    next_.value += 10;
    logged_.push_back(record);
    return std::visit([this](const auto& value) { return directory_.supply(value); }, record);
  }
  LogIndex last() const { return {next_.value - 10}; }
  wire::SignedRecord prekey(const PrekeyPair& pair, WallTime from = kSampleStart) {
    return exchange_.sign_prekey(customs().id, customs().signing, pair.public_key(), from);
  }

  SampleExchange exchange_;
  Directory directory_ = empty();
  WallTime clock_ = kSampleStart + hours(1);
  LogIndex next_{0};
  std::vector<Record> logged_;
  PrekeyPair prekey_ = PrekeyPair::generate(exchange_.randomness);
  SigningKeyPair second_ = SigningKeyPair::generate(exchange_.randomness);
};

TEST(DirectoryHead, IsTheKnownAnswer) {
  const Vectors vectors("sealing.txt");
  const wire::DirectoryLine line{
      LogIndex{0}, {}, wire::DirectoryType::registry, {}, sha256(Bytes(200, 0x44))};
  const Digest head = next_directory_head(Digest(), line);
  EXPECT_EQ(head, vectors.fixed<Digest>("directory_head"));
  EXPECT_EQ(log_leaf_hash(LogEntryKind::directory, wall_time_of(1'700'000'000'123), head),
            vectors.fixed<Digest>("directory_leaf"));
}

TEST_F(DirectoryTest, ChainsItsHeads) {
  EXPECT_EQ(directory_.position(), wire::DirectoryPosition());
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto after_first = directory_.position();
  ASSERT_THAT(log(prekey(prekey_)), IsOk());
  EXPECT_EQ(directory_.position().count, DirectoryCount{2});
  EXPECT_EQ(directory_.head_at(DirectoryCount{0}), Digest());
  EXPECT_EQ(directory_.head_at(DirectoryCount{1}), after_first.head);
  EXPECT_EQ(directory_.head_at(DirectoryCount{2}),
            next_directory_head(after_first.head, directory_.lines()[1]));
  EXPECT_EQ(directory_.head_at(DirectoryCount{3}), std::nullopt);
}

TEST_F(DirectoryTest, TheFirstRegistryBringsEachAgencysFirstKeys) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto key = directory_.signing_key(customs().id, customs().signing.id());
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->logged_at, LogIndex{0});
  EXPECT_FALSE(key->in_force(LogIndex{0}));
  EXPECT_TRUE(key->in_force(LogIndex{1}));
  const auto holder = directory_.transport_holder(customs().transport.id());
  ASSERT_TRUE(holder.has_value());
  EXPECT_EQ(holder->agency, customs().id);
  EXPECT_EQ(holder->valid_until, kSampleStart + kTransportKeyLife);
  EXPECT_EQ(directory_.transport_holder(exchange_.broker_transport.id()), std::nullopt);
}

TEST_F(DirectoryTest, AnAgencyAdmittedLaterHasItsFirstKeysFromThere) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto& tax = exchange_.add_agency("kz.tax");
  EXPECT_EQ(directory_.signing_key(tax.id, tax.signing.id()), std::nullopt);
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  EXPECT_EQ(directory_.signing_key(tax.id, tax.signing.id())->logged_at, LogIndex{10});
  // The others' stay where they were first logged.
  EXPECT_EQ(directory_.signing_key(customs().id, customs().signing.id())->logged_at, LogIndex{0});
}

TEST_F(DirectoryTest, AnswersByTheRegistryBeforeTheEntry) {
  EXPECT_EQ(directory_.registry(LogIndex{5}), nullptr);
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  ASSERT_THAT(log(prekey(prekey_)), IsOk());
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  EXPECT_EQ(directory_.registry(LogIndex{0}), nullptr);
  EXPECT_EQ(directory_.registry(LogIndex{1})->head().version, RegistryVersion{1});
  EXPECT_EQ(directory_.registry(LogIndex{20})->head().version, RegistryVersion{1});
  EXPECT_EQ(directory_.registry(LogIndex{21})->head().version, RegistryVersion{2});
  EXPECT_EQ(directory_.newest_registry()->head().version, RegistryVersion{2});
}

TEST_F(DirectoryTest, RefusesRecordsBeforeAnyRegistry) {
  EXPECT_THAT(log(prekey(prekey_)), FailsWith(ErrorCode::unknown_agency));
}

TEST_F(DirectoryTest, RefusesRecordsOfStrangersAndOfTheSuspended) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto tax = exchange_.make_agency("kz.tax");
  EXPECT_THAT(log(exchange_.sign_delegation(tax->id, tax->identity, second_.public_key())),
              FailsWith(ErrorCode::unknown_agency, HasSubstr("kz.tax")));
  customs().status = wire::AgencyStatus::suspended;
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  EXPECT_THAT(log(prekey(prekey_)), FailsWith(ErrorCode::denied, HasSubstr("suspended")));
}

TEST_F(DirectoryTest, RefusesRecordsForAnotherExchange) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  exchange_.origin = *Origin::parse("kg.exchange");
  EXPECT_THAT(log(prekey(prekey_)), FailsWith(ErrorCode::denied, HasSubstr("kg.exchange")));
}

TEST_F(DirectoryTest, RefusesWhatTheWrongKeySigned) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto& id = customs().id;
  const auto& guard = *exchange_.agencies["kz.border-guard"];
  EXPECT_THAT(log(exchange_.sign_delegation(id, guard.identity, second_.public_key())),
              FailsWith(ErrorCode::bad_signature));
  EXPECT_THAT(log(exchange_.sign_revocation(id, guard.identity, customs().signing.id())),
              FailsWith(ErrorCode::bad_signature));
  EXPECT_THAT(log(exchange_.sign_prekey(id, guard.signing, prekey_.public_key())),
              FailsWith(ErrorCode::not_found));
  auto changed = prekey(prekey_);
  changed.signature.bytes[3] ^= 1;
  EXPECT_THAT(log(changed), FailsWith(ErrorCode::bad_signature));
  EXPECT_THAT(log(wire::SignedRecord{{1, 2, 3}, {}}), FailsWith(ErrorCode::malformed));
}

TEST_F(DirectoryTest, AKeyIsLoggedOnce) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  ASSERT_THAT(log(prekey(prekey_)), IsOk());
  EXPECT_THAT(log(prekey(prekey_)), FailsWith(ErrorCode::duplicate));
  EXPECT_THAT(log(prekey(prekey_, kSampleStart + hours(24))), FailsWith(ErrorCode::duplicate));
  EXPECT_THAT(
      log(exchange_.sign_delegation(customs().id, customs().identity,
                                    customs().signing.public_key(), kSampleStart + hours(1))),
      FailsWith(ErrorCode::duplicate));
}

TEST_F(DirectoryTest, ATransportKeyBelongsToOneAgency) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto& guard = *exchange_.agencies["kz.border-guard"];
  EXPECT_THAT(
      log(exchange_.sign_transport(guard.id, guard.signing, customs().transport.public_key())),
      FailsWith(ErrorCode::denied));
}

TEST_F(DirectoryTest, RefusesWindowsAndSpansOutsideTheirLimits) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto& id = customs().id;
  const auto sign = [&](WallTime from, WallTime until) {
    return sign_key_record(wire::Prekey{exchange_.origin, id, customs().signing.id(),
                                        prekey_.public_key(), from, until},
                           customs().signing);
  };
  EXPECT_THAT(log(sign(clock_, clock_ + kPrekeyWindow + kPrekeyEarly + hours(1))),
              FailsWith(ErrorCode::malformed));
  EXPECT_THAT(log(sign(clock_, clock_)), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(log(sign(clock_ + kPrekeysAhead + kPrekeyWindow + hours(1),
                       clock_ + kPrekeysAhead + 2 * kPrekeyWindow)),
              FailsWith(ErrorCode::malformed, HasSubstr("ahead")));
  EXPECT_THAT(log(sign(clock_ - kPrekeyWindow, clock_)), FailsWith(ErrorCode::expired));
  EXPECT_THAT(log(sign(clock_ + kPrekeysAhead, clock_ + kPrekeysAhead + kPrekeyWindow)), IsOk());
  const wire::TransportRecord past{
      exchange_.origin,       id,
      customs().signing.id(), TransportKeyPair::generate(exchange_.randomness).public_key(),
      clock_ - hours(10),     clock_};
  EXPECT_THAT(log(sign_key_record(past, customs().signing)), FailsWith(ErrorCode::expired));
  const wire::Delegation late{exchange_.origin, id, second_.public_key(), clock_ - hours(10),
                              clock_};
  EXPECT_THAT(log(sign_key_record(late, customs().identity)), FailsWith(ErrorCode::expired));
  // A key that is stolen for a minute places nothing years ahead.
  const auto key = TransportKeyPair::generate(exchange_.randomness).public_key();
  EXPECT_THAT(log(exchange_.sign_transport(id, customs().signing, key, clock_ + hours(24 * 365))),
              FailsWith(ErrorCode::malformed, HasSubstr("ahead")));
  EXPECT_THAT(log(exchange_.sign_transport(id, customs().signing, key, clock_ + hours(1))), IsOk());
  EXPECT_THAT(log(exchange_.sign_delegation(id, customs().identity, second_.public_key(),
                                            clock_ + hours(24 * 365))),
              FailsWith(ErrorCode::malformed, HasSubstr("ahead")));
}

TEST_F(DirectoryTest, AnExpiredSigningKeySignsNothingMore) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  clock_ = kSampleStart + kSigningKeyLife;
  EXPECT_THAT(log(prekey(prekey_, clock_)), FailsWith(ErrorCode::expired));
  ASSERT_THAT(log(exchange_.sign_delegation(customs().id, customs().identity, second_.public_key(),
                                            clock_)),
              IsOk());
  EXPECT_THAT(log(exchange_.sign_prekey(customs().id, second_, prekey_.public_key(), clock_)),
              IsOk());
}

TEST_F(DirectoryTest, AKeyDelegatedAheadSignsWhenItsTimeComes) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto from = kSampleStart + hours(24);
  ASSERT_THAT(
      log(exchange_.sign_delegation(customs().id, customs().identity, second_.public_key(), from)),
      IsOk());
  const auto record = exchange_.sign_prekey(customs().id, second_, prekey_.public_key(), from);
  EXPECT_THAT(log(record), FailsWith(ErrorCode::expired));
  clock_ = from;
  EXPECT_THAT(log(record), IsOk());
}

TEST_F(DirectoryTest, AnExpiredCertificateDelegatesNothing) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  clock_ = customs().certificate.valid_until;
  EXPECT_THAT(log(exchange_.sign_delegation(customs().id, customs().identity, second_.public_key(),
                                            clock_)),
              FailsWith(ErrorCode::expired, HasSubstr("certificate")));
}

TEST_F(DirectoryTest, RevokingASigningKeyVoidsWhatItSignedFromThere) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  ASSERT_THAT(log(prekey(prekey_)), IsOk());
  ASSERT_THAT(
      log(exchange_.sign_revocation(customs().id, customs().identity, customs().signing.id())),
      IsOk());
  const LogIndex revoked = last();
  for (const auto at : {LogIndex{11}, revoked}) {
    EXPECT_TRUE(directory_.signing_key(customs().id, customs().signing.id())->in_force(at));
    EXPECT_TRUE(directory_.prekey(customs().id, prekey_.id())->in_force(at));
  }
  EXPECT_FALSE(
      directory_.signing_key(customs().id, customs().signing.id())->in_force(revoked.next()));
  EXPECT_FALSE(directory_.prekey(customs().id, prekey_.id())->in_force(revoked.next()));
  EXPECT_EQ(directory_.prekey_to_use(customs().id, clock_), std::nullopt);
  EXPECT_EQ(directory_.transport_holder(customs().transport.id()), std::nullopt);
  EXPECT_THAT(log(prekey(PrekeyPair::generate(exchange_.randomness))),
              FailsWith(ErrorCode::expired, HasSubstr("revoked")));
}

TEST_F(DirectoryTest, RevokingOneKeyLeavesTheOthers) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  ASSERT_THAT(log(prekey(prekey_)), IsOk());
  ASSERT_THAT(log(exchange_.sign_revocation(customs().id, customs().identity, prekey_.id())),
              IsOk());
  EXPECT_EQ(directory_.prekey(customs().id, prekey_.id())->revoked_at, last());
  EXPECT_EQ(directory_.signing_key(customs().id, customs().signing.id())->revoked_at, std::nullopt);
  EXPECT_TRUE(directory_.transport_holder(customs().transport.id()).has_value());
  // Revoked for good: neither twice, nor back.
  EXPECT_THAT(
      log(exchange_.sign_revocation(customs().id, customs().identity, prekey_.id(), clock_)),
      FailsWith(ErrorCode::duplicate));
  EXPECT_THAT(log(prekey(prekey_, kSampleStart + hours(1))), FailsWith(ErrorCode::duplicate));
}

TEST_F(DirectoryTest, OnlyOwnAndKnownKeysAreRevoked) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto& guard = *exchange_.agencies["kz.border-guard"];
  EXPECT_THAT(log(exchange_.sign_revocation(customs().id, customs().identity, guard.signing.id())),
              FailsWith(ErrorCode::not_found));
}

TEST_F(DirectoryTest, AnotherIdentityVoidsWhatTheOldOneDelegated) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  ASSERT_THAT(log(prekey(prekey_)), IsOk());
  const KeyId old_signing = customs().signing.id();
  const auto old_identity = std::move(exchange_.agencies["kz.customs"]);
  exchange_.add_agency("kz.customs");
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  EXPECT_EQ(directory_.signing_key(customs().id, old_signing)->revoked_at, last());
  EXPECT_EQ(directory_.prekey(customs().id, prekey_.id())->revoked_at, last());
  EXPECT_EQ(directory_.transport_holder(old_identity->transport.id()), std::nullopt);
  EXPECT_TRUE(
      directory_.signing_key(customs().id, customs().signing.id())->in_force(last().next()));
  EXPECT_THAT(
      log(exchange_.sign_delegation(customs().id, old_identity->identity, second_.public_key())),
      FailsWith(ErrorCode::bad_signature));
}

TEST_F(DirectoryTest, ARenewedCertificateForTheSameKeyVoidsNothing) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  auto renewed = issue_agency_certificate(
      {customs().id, customs().identity.public_key()}, exchange_.authorities.roots.front(),
      exchange_.authority_keys.front(), exchange_.validity(), exchange_.randomness);
  customs().certificate = *renewed;
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  EXPECT_EQ(directory_.signing_key(customs().id, customs().signing.id())->revoked_at, std::nullopt);
}

TEST_F(DirectoryTest, TheLastLoggedPrekeyWhoseWindowHoldsTheTimeIsUsed) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto later = PrekeyPair::generate(exchange_.randomness);
  const auto again = PrekeyPair::generate(exchange_.randomness);
  ASSERT_THAT(log(prekey(prekey_, kSampleStart)), IsOk());
  ASSERT_THAT(log(prekey(later, kSampleStart + kPrekeyWindow)), IsOk());
  const auto used = [&](WallTime at) -> std::optional<KeyId> {
    const auto key = directory_.prekey_to_use(customs().id, at);
    if (!key) return std::nullopt;
    return key->id;
  };
  const auto step = std::chrono::milliseconds(1);
  EXPECT_EQ(used(kSampleStart - step), std::nullopt);
  EXPECT_EQ(used(kSampleStart), prekey_.id());
  EXPECT_EQ(used(kSampleStart + kPrekeyWindow - step), prekey_.id());
  EXPECT_EQ(used(kSampleStart + kPrekeyWindow), later.id());
  EXPECT_EQ(used(kSampleStart + 2 * kPrekeyWindow), std::nullopt);
  ASSERT_THAT(log(prekey(again, kSampleStart)), IsOk());
  EXPECT_EQ(used(kSampleStart), again.id());
  ASSERT_THAT(log(exchange_.sign_revocation(customs().id, customs().identity, again.id())), IsOk());
  EXPECT_EQ(used(kSampleStart), prekey_.id());
  EXPECT_EQ(directory_.prekeys(customs().id).size(), 3u);
}

TEST_F(DirectoryTest, RefusesRegistriesOutOfSequence) {
  const auto first = exchange_.publish();
  ASSERT_THAT(log(first), IsOk());
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  EXPECT_THAT(log(first), FailsWith(ErrorCode::out_of_sequence));
  exchange_.add_rule("kz.customs", "kz.all", {MessageKind::evidence});
  EXPECT_THAT(log(exchange_.sign(2, sha256(first.head))), FailsWith(ErrorCode::chain_fork));
  EXPECT_THAT(log(exchange_.sign(3, sha256(first.head))), FailsWith(ErrorCode::out_of_sequence));
}

TEST_F(DirectoryTest, RefusesAnExpiredOrFutureRegistry) {
  clock_ = kSampleStart + kRegistryLife;
  EXPECT_THAT(log(exchange_.sign(1, {})), FailsWith(ErrorCode::expired));
  clock_ = kSampleStart - kClockAheadMax - hours(1);
  EXPECT_THAT(log(exchange_.sign(1, {})), FailsWith(ErrorCode::expired, HasSubstr("future")));
}

TEST_F(DirectoryTest, TheRegistryInForceSaysWhoMustSignTheNext) {
  const auto first = exchange_.publish();
  ASSERT_THAT(log(first), IsOk());
  SampleExchange other(5);
  EXPECT_THAT(log(*sign_snapshot(exchange_.head(2, sha256(first.head)), exchange_.entries(),
                                 other.signers())),
              FailsWith(ErrorCode::bad_signature));
}

TEST_F(DirectoryTest, RefusesLinesOutOfOrderOrMisshapen) {
  const Record registry = exchange_.publish();
  const auto line = line_for(registry, LogIndex{4}, clock_);
  ASSERT_THAT(directory_.append(line), IsOk());
  auto other = line_for(prekey(prekey_), LogIndex{4}, clock_);
  EXPECT_THAT(directory_.append(other), FailsWith(ErrorCode::out_of_sequence));
  other.index = LogIndex{5};
  other.agency = AgencyId();
  EXPECT_THAT(directory_.append(other), FailsWith(ErrorCode::malformed));
  auto repeated = line;
  repeated.index = LogIndex{6};
  EXPECT_THAT(directory_.append(repeated), FailsWith(ErrorCode::duplicate));
  EXPECT_EQ(directory_.position().count, DirectoryCount{1});
}

TEST_F(DirectoryTest, NamesWhatIsMissingInLineOrder) {
  const Record registry = exchange_.publish();
  const Record delegation =
      exchange_.sign_delegation(customs().id, customs().identity, second_.public_key());
  const Record by_it = exchange_.sign_prekey(customs().id, second_, prekey_.public_key());
  LogIndex index{0};
  for (const Record* record : {&registry, &delegation, &by_it}) {
    ASSERT_THAT(directory_.append(line_for(*record, index, clock_)), IsOk());
    index = index.next();
  }
  EXPECT_THAT(directory_.missing(9),
              ElementsAre(hash_of(registry), hash_of(delegation), hash_of(by_it)));
  EXPECT_THAT(directory_.missing(1), ElementsAre(hash_of(registry)));
  // Out of order: told what must come first, and nothing is lost.
  EXPECT_THAT(directory_.supply(std::get<wire::SignedRecord>(by_it)),
              FailsWith(ErrorCode::not_found, HasSubstr("registry")));
  ASSERT_THAT(directory_.supply(std::get<wire::UnverifiedSnapshot>(registry)), IsOk());
  EXPECT_THAT(directory_.supply(std::get<wire::SignedRecord>(by_it)),
              FailsWith(ErrorCode::not_found, HasSubstr("delegation")));
  ASSERT_THAT(directory_.supply(std::get<wire::SignedRecord>(delegation)), IsOk());
  EXPECT_THAT(directory_.missing(9), ElementsAre(hash_of(by_it)));
  ASSERT_THAT(directory_.supply(std::get<wire::SignedRecord>(by_it)), IsOk());
  EXPECT_THAT(directory_.missing(9), IsEmpty());
  EXPECT_NE(directory_.record(hash_of(by_it)), nullptr);
  EXPECT_EQ(directory_.record(hash_of(registry)), nullptr);
  EXPECT_NE(directory_.snapshot(hash_of(registry)), nullptr);
  EXPECT_THAT(directory_.supply(std::get<wire::SignedRecord>(by_it)), IsOk());
}

TEST_F(DirectoryTest, RefusesWhatNoLineNames) {
  EXPECT_THAT(directory_.supply(prekey(prekey_)), FailsWith(ErrorCode::not_found));
  EXPECT_THAT(directory_.supply(exchange_.publish()), FailsWith(ErrorCode::not_found));
}

TEST_F(DirectoryTest, ADamagedCopyIsAskedForAgain) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto record = prekey(prekey_);
  ASSERT_THAT(directory_.append(line_for(record, next_, clock_)), IsOk());
  auto damaged = record;
  damaged.signature.bytes[0] ^= 1;
  EXPECT_THAT(directory_.supply(damaged), FailsWith(ErrorCode::bad_signature));
  EXPECT_EQ(directory_.prekey(customs().id, prekey_.id()), std::nullopt);
  EXPECT_THAT(directory_.missing(9), ElementsAre(signed_hash(record)));
  EXPECT_THAT(directory_.supply(record), IsOk());
}

// Authentic head and signatures, the entries in another order or twice: the copy's fault.
TEST_F(DirectoryTest, ADamagedCopyOfARegistryIsAskedForAgain) {
  const auto registry = exchange_.publish();
  ASSERT_THAT(directory_.append(line_for(registry, next_, clock_)), IsOk());
  auto swapped = registry;
  std::swap(swapped.entries.front(), swapped.entries.back());
  auto doubled = registry;
  doubled.entries.back() = doubled.entries.front();
  auto shorter = registry;
  shorter.entries.pop_back();
  for (const auto& damaged : {swapped, doubled, shorter}) {
    EXPECT_THAT(directory_.supply(damaged), FailsWith(ErrorCode::bad_signature));
    EXPECT_EQ(directory_.newest_registry(), nullptr);
  }
  EXPECT_THAT(directory_.supply(registry), IsOk());
  EXPECT_NE(directory_.newest_registry(), nullptr);
}

TEST_F(DirectoryTest, WhatABrokerShouldNeverHaveLoggedIsNeverUsed) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto tax = exchange_.make_agency("kz.tax");
  const auto record = exchange_.sign_delegation(tax->id, tax->identity, second_.public_key());
  ASSERT_THAT(directory_.append(line_for(record, next_, clock_)), IsOk());
  EXPECT_THAT(directory_.supply(record), FailsWith(ErrorCode::unknown_agency));
  EXPECT_EQ(directory_.signing_key(tax->id, second_.id()), std::nullopt);
  EXPECT_THAT(directory_.missing(9), IsEmpty());
  EXPECT_EQ(directory_.position().count, DirectoryCount{2});
}

TEST_F(DirectoryTest, ALineThatLiesAboutItsRecordIsNeverUsed) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  const auto record = prekey(prekey_);
  auto line = line_for(record, next_, clock_);
  line.agency = exchange_.agencies["kz.border-guard"]->id;
  ASSERT_THAT(directory_.append(line), IsOk());
  EXPECT_THAT(directory_.supply(record), FailsWith(ErrorCode::malformed));
  EXPECT_EQ(directory_.prekey(customs().id, prekey_.id()), std::nullopt);
}

TEST_F(DirectoryTest, ALineBeforeItsRevocationCountsAlthoughSuppliedAfter) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  ASSERT_THAT(log(prekey(prekey_)), IsOk());
  ASSERT_THAT(log(exchange_.sign_revocation(customs().id, customs().identity, prekey_.id())),
              IsOk());
  Directory other = empty();
  for (const auto& line : directory_.lines()) ASSERT_THAT(other.append(line), IsOk());
  ASSERT_THAT(other.supply(std::get<wire::UnverifiedSnapshot>(logged_[0])), IsOk());
  ASSERT_THAT(other.supply(std::get<wire::SignedRecord>(logged_[2])), IsOk());
  ASSERT_THAT(other.supply(std::get<wire::SignedRecord>(logged_[1])), IsOk());
  EXPECT_EQ(other.prekey(customs().id, prekey_.id())->revoked_at, LogIndex{20});
}

TEST_F(DirectoryTest, SaysFromWhereItCannotJudge) {
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  ASSERT_THAT(log(prekey(prekey_)), IsOk());
  ASSERT_THAT(log(exchange_.sign_revocation(customs().id, customs().identity, prekey_.id())),
              IsOk());
  ASSERT_THAT(log(exchange_.publish()), IsOk());
  EXPECT_EQ(directory_.first_missing_registry(), std::nullopt);
  EXPECT_EQ(directory_.first_missing_revocation(customs().id), std::nullopt);
  Directory other = empty();
  for (const auto& line : directory_.lines()) ASSERT_THAT(other.append(line), IsOk());
  EXPECT_EQ(other.first_missing_registry(), LogIndex{0});
  EXPECT_EQ(other.first_missing_revocation(customs().id), LogIndex{20});
  EXPECT_EQ(other.first_missing_revocation(exchange_.agencies["kz.border-guard"]->id),
            std::nullopt);
  ASSERT_THAT(other.supply(std::get<wire::UnverifiedSnapshot>(logged_[0])), IsOk());
  EXPECT_EQ(other.first_missing_registry(), LogIndex{30});
  ASSERT_THAT(other.supply(std::get<wire::UnverifiedSnapshot>(logged_[3])), IsOk());
  EXPECT_EQ(other.first_missing_registry(), std::nullopt);
  ASSERT_THAT(other.supply(std::get<wire::SignedRecord>(logged_[2])), IsOk());
  EXPECT_EQ(other.first_missing_revocation(customs().id), std::nullopt);
}

// In whatever order the records arrive, asking again for what must wait, two directories of the
// same lines know the same keys.
RC_GTEST_FIXTURE_PROP(DirectoryTest, KnowsTheSameInEveryOrderOfSupply, (std::uint32_t seed)) {
  RC_ASSERT(log(exchange_.publish()).has_value());
  RC_ASSERT(log(prekey(prekey_)).has_value());
  RC_ASSERT(log(exchange_.sign_delegation(customs().id, customs().identity, second_.public_key(),
                                          kSampleStart))
                .has_value());
  const auto later = PrekeyPair::generate(exchange_.randomness);
  RC_ASSERT(log(exchange_.sign_prekey(customs().id, second_, later.public_key())).has_value());
  RC_ASSERT(log(exchange_.publish()).has_value());
  RC_ASSERT(
      log(exchange_.sign_revocation(customs().id, customs().identity, second_.id())).has_value());

  Directory other = empty();
  for (const auto& line : directory_.lines()) RC_ASSERT(other.append(line).has_value());
  std::vector<Record> waiting = logged_;
  std::mt19937 generator(seed);
  while (!waiting.empty()) {
    std::ranges::shuffle(waiting, generator);
    std::vector<Record> left;
    for (const auto& record : waiting) {
      const auto supplied =
          std::visit([&](const auto& value) { return other.supply(value); }, record);
      if (!supplied) {
        RC_ASSERT(supplied.error().code == ErrorCode::not_found);
        left.push_back(record);
      }
    }
    RC_ASSERT(left.size() < waiting.size());
    waiting = std::move(left);
  }
  RC_ASSERT(other.position() == directory_.position());
  for (const auto& id : {prekey_.id(), later.id()}) {
    RC_ASSERT(other.prekey(customs().id, id)->revoked_at ==
              directory_.prekey(customs().id, id)->revoked_at);
  }
  RC_ASSERT(other.signing_keys(customs().id).size() ==
            directory_.signing_keys(customs().id).size());
}

}  // namespace
}  // namespace keruen::certs
