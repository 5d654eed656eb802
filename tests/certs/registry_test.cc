#include "certs/registry.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <algorithm>

#include "certs/merkle.h"
#include "tests/certs/sample_exchange.h"
#include "tests/support/matchers.h"

namespace keruen::certs {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RegistryTest : public ::testing::Test {
 protected:
  RegistryTest() {
    for (const char* name : {"kz.border-guard", "kz.customs", "kz.prosecutor"}) {
      exchange_.add_agency(name);
    }
    exchange_.add_group("kz.all", {"kz.border-guard", "kz.customs", "kz.prosecutor"});
  }
  Result<std::shared_ptr<const Registry>> verify(const wire::UnverifiedSnapshot& snapshot) const {
    return verify_snapshot(snapshot, exchange_.origin, exchange_.authorities);
  }
  Result<std::shared_ptr<const Registry>> verified() { return verify(exchange_.publish()); }

  SampleExchange exchange_{1, 3, 2};
  const AgencyId guard_ = *AgencyId::parse("kz.border-guard");
  const AgencyId customs_ = *AgencyId::parse("kz.customs");
  const AgencyId prosecutor_ = *AgencyId::parse("kz.prosecutor");
};

TEST_F(RegistryTest, ListsWhatWasSigned) {
  KERUEN_ASSERT_OK(const auto registry, verified());
  EXPECT_EQ(registry->agencies().size(), 3u);
  ASSERT_NE(registry->agency(customs_), nullptr);
  EXPECT_EQ(registry->agency(customs_)->certificate.common_name, "kz.customs");
  EXPECT_EQ(registry->agency(*AgencyId::parse("kz.tax")), nullptr);
  ASSERT_NE(registry->group(*GroupId::parse("kz.all")), nullptr);
  EXPECT_EQ(registry->group(*GroupId::parse("kz.none")), nullptr);
  EXPECT_EQ(registry->broker(), exchange_.broker);
  EXPECT_EQ(registry->authorities(), exchange_.authorities);
  EXPECT_EQ(registry->head().version, RegistryVersion{1});
  EXPECT_TRUE(registry->is_active(customs_));
}

TEST_F(RegistryTest, IsAcceptedWithKOfNSignatures) {
  const auto head = exchange_.head(1, {});
  const auto sign = [&](std::vector<std::size_t> places) {
    std::vector<const SigningKeyPair*> signers;
    for (const auto place : places) signers.push_back(&exchange_.authority_keys[place]);
    return *sign_snapshot(head, exchange_.entries(), signers);
  };
  EXPECT_THAT(verify(sign({0, 1})), IsOk());
  EXPECT_THAT(verify(sign({2, 0})), IsOk());
  EXPECT_THAT(verify(sign({0, 1, 2})), IsOk());
  EXPECT_THAT(verify(sign({1})), FailsWith(ErrorCode::bad_signature, HasSubstr("1 of the")));
  EXPECT_THAT(verify(sign({})), FailsWith(ErrorCode::bad_signature));
}

TEST_F(RegistryTest, OneAuthorityCountsOnce) {
  auto snapshot = exchange_.sign(1, {});
  snapshot.signatures[1] = snapshot.signatures[0];
  EXPECT_THAT(verify(snapshot), FailsWith(ErrorCode::bad_signature));
}

TEST_F(RegistryTest, StrangersSignaturesNeitherCountNorHarm) {
  SampleExchange other(9);
  auto snapshot = exchange_.sign(1, {});
  const auto& stranger = other.authority_keys.front();
  snapshot.signatures.push_back(
      {stranger.id(), stranger.sign(SignatureUse::registry, snapshot.head)});
  EXPECT_THAT(verify(snapshot), IsOk());
  snapshot.signatures.erase(snapshot.signatures.begin());
  EXPECT_THAT(verify(snapshot), FailsWith(ErrorCode::bad_signature));
}

TEST_F(RegistryTest, AWrongSignatureOfATrustedAuthorityIsRefusedEvenWhenEnoughAreRight) {
  auto snapshot = *sign_snapshot(
      exchange_.head(1, {}), exchange_.entries(),
      {&exchange_.authority_keys[0], &exchange_.authority_keys[1], &exchange_.authority_keys[2]});
  snapshot.signatures[2].signature.bytes[5] ^= 1;
  EXPECT_THAT(verify(snapshot), FailsWith(ErrorCode::bad_signature, HasSubstr("authority 3")));
}

TEST_F(RegistryTest, RefusesAFlippedByteAnywhereInTheHead) {
  const auto snapshot = exchange_.sign(1, {});
  for (std::size_t place = 0; place < snapshot.head.size(); ++place) {
    auto changed = snapshot;
    changed.head[place] ^= 1;
    EXPECT_FALSE(verify(changed).has_value()) << "byte " << place;
  }
}

TEST_F(RegistryTest, RefusesEntriesThatWereNotSigned) {
  const auto snapshot = exchange_.sign(1, {});
  for (std::size_t entry = 0; entry < snapshot.entries.size(); ++entry) {
    auto changed = snapshot;
    changed.entries[entry].back() ^= 1;
    EXPECT_FALSE(verify(changed).has_value());
    auto shorter = snapshot;
    shorter.entries.erase(shorter.entries.begin() + static_cast<std::ptrdiff_t>(entry));
    EXPECT_THAT(verify(shorter), FailsWith(ErrorCode::bad_signature));
  }
}

TEST_F(RegistryTest, RefusesEntriesOutOfOrderOrTwice) {
  auto snapshot = exchange_.sign(1, {});
  std::swap(snapshot.entries[0], snapshot.entries[1]);
  EXPECT_THAT(verify(snapshot), FailsWith(ErrorCode::bad_signature)) << "another copy may be whole";
  // As an authority would have to sign it.
  auto head = *wire::decode_registry_head(snapshot.head);
  std::vector<Digest> leaves;
  for (const Bytes& entry : snapshot.entries) leaves.push_back(merkle_leaf_hash(entry));
  head.entries_root = merkle_root(leaves);
  snapshot.head = wire::encode_registry_head(head);
  snapshot.signatures.clear();
  for (const auto& key : exchange_.authority_keys) {
    snapshot.signatures.push_back({key.id(), key.sign(SignatureUse::registry, snapshot.head)});
  }
  EXPECT_THAT(verify(snapshot), FailsWith(ErrorCode::malformed, HasSubstr("order")));

  auto entries = exchange_.entries();
  entries.push_back(exchange_.broker);
  EXPECT_THAT(sign_snapshot(exchange_.head(1, {}), entries, exchange_.signers()),
              FailsWith(ErrorCode::duplicate));
}

TEST_F(RegistryTest, RefusesAnotherExchange) {
  EXPECT_THAT(
      verify_snapshot(exchange_.publish(), *Origin::parse("kg.exchange"), exchange_.authorities),
      FailsWith(ErrorCode::denied, HasSubstr("kz.exchange")));
}

TEST_F(RegistryTest, OnlyTheFirstVersionNamesNoPrevious) {
  EXPECT_THAT(verify(exchange_.sign(0, {})), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(verify(exchange_.sign(2, {})), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(verify(exchange_.sign(1, sha256(bytes_of("x")))), FailsWith(ErrorCode::malformed));
  EXPECT_THAT(verify(exchange_.sign(2, sha256(bytes_of("x")))), IsOk());
}

TEST_F(RegistryTest, LeavesExpiryToTheCallerWhoHasAClock) {
  exchange_.issued_at = wall_time_of(1'000'000);
  EXPECT_THAT(verified(), IsOk());
}

TEST_F(RegistryTest, RefusesAGroupWithAnUnknownMember) {
  exchange_.add_group("kz.some", {"kz.customs", "kz.tax"});
  EXPECT_THAT(verified(), FailsWith(ErrorCode::unknown_agency, HasSubstr("kz.tax")));
}

TEST_F(RegistryTest, RefusesARuleForNobody) {
  exchange_.add_rule("kz.customs", "kz.tax", {MessageKind::notice});
  EXPECT_THAT(verified(), FailsWith(ErrorCode::unknown_agency, HasSubstr("kz.tax")));
}

TEST_F(RegistryTest, RefusesAnIdThatIsAgencyAndGroup) {
  exchange_.add_group("kz.customs", {"kz.prosecutor"});
  EXPECT_THAT(verified(), FailsWith(ErrorCode::duplicate, HasSubstr("kz.customs")));
}

TEST_F(RegistryTest, RefusesAGroupOrOperatorTwice) {
  exchange_.add_group("kz.all", {"kz.customs"});
  EXPECT_THAT(verified(), FailsWith(ErrorCode::duplicate, HasSubstr("kz.all")));
}

TEST_F(RegistryTest, RefusesOneTransportKeyForTwoHolders) {
  exchange_.other_entries.push_back(wire::OperatorEntry{
      *OperatorName::parse("duty"), exchange_.agencies["kz.customs"]->transport.public_key(),
      wire::OperatorRole::monitor});
  EXPECT_THAT(verified(), FailsWith(ErrorCode::duplicate,
                                    AllOf(HasSubstr("one transport key"), HasSubstr("kz.customs"),
                                          HasSubstr("the operator duty"))));
}

TEST_F(RegistryTest, NamesTheAgencyWhoseEntryDoesNotRead) {
  auto entries = exchange_.entries();
  for (auto& entry : entries) {
    auto* agency = std::get_if<wire::AgencyEntry>(&entry);
    if (agency != nullptr && agency->id == customs_) agency->names["en-"] = "Customs";
  }
  EXPECT_THAT(
      verify(*sign_snapshot(exchange_.head(1, {}), entries, exchange_.signers())),
      FailsWith(ErrorCode::malformed, AllOf(HasSubstr("kz.customs"), HasSubstr("language tag"))));
}

TEST_F(RegistryTest, SaysBeforeAnybodySignsWhatWouldBeRefused) {
  auto entries = exchange_.entries();
  EXPECT_THAT(check_entries(entries, exchange_.origin), IsOk());
  EXPECT_THAT(check_entries(entries, *Origin::parse("kg.exchange")),
              FailsWith(ErrorCode::malformed, HasSubstr("kg.exchange")));
  std::erase_if(entries,
                [](const auto& entry) { return std::holds_alternative<wire::BrokerEntry>(entry); });
  EXPECT_THAT(check_entries(entries, exchange_.origin), IsOk()) << "it may be made later";
  entries.push_back(wire::OperatorEntry{*OperatorName::parse("duty"),
                                        exchange_.agencies["kz.customs"]->transport.public_key(),
                                        wire::OperatorRole::monitor});
  EXPECT_THAT(check_entries(entries, exchange_.origin), FailsWith(ErrorCode::duplicate));
  entries.back() = entries.front();
  EXPECT_THAT(check_entries(entries, exchange_.origin), FailsWith(ErrorCode::duplicate));
  exchange_.add_rule("kz.customs", "kz.tax", {MessageKind::notice});
  EXPECT_THAT(check_entries(exchange_.entries(), exchange_.origin),
              FailsWith(ErrorCode::unknown_agency, HasSubstr("kz.tax")));
}

TEST_F(RegistryTest, RefusesACertificateOfAnotherAgency) {
  exchange_.agencies["kz.customs"]->certificate = exchange_.agencies["kz.prosecutor"]->certificate;
  EXPECT_THAT(verified(), FailsWith(ErrorCode::malformed, HasSubstr("kz.prosecutor")));
}

TEST_F(RegistryTest, RefusesACertificateNoRootIssued) {
  SampleExchange other(9);
  auto stranger = other.make_agency("kz.customs");
  exchange_.agencies["kz.customs"] = std::move(stranger);
  EXPECT_THAT(verified(), FailsWith(ErrorCode::bad_signature, HasSubstr("kz.customs")));
}

TEST_F(RegistryTest, RefusesFirstRecordsTheAgencyDidNotSign) {
  auto& customs = *exchange_.agencies["kz.customs"];
  const auto honest = customs.first_delegation;
  // An authority that slips a key of its own in as the agency's.
  customs.first_delegation = exchange_.sign_delegation(customs.id, exchange_.authority_keys[0],
                                                       exchange_.log_key.public_key());
  EXPECT_THAT(verify(exchange_.sign(1, {})), FailsWith(ErrorCode::bad_signature));
  customs.first_delegation = honest;
  customs.first_transport_key =
      exchange_.sign_transport(customs.id, exchange_.log_key, customs.transport.public_key());
  EXPECT_THAT(verify(exchange_.sign(1, {})), FailsWith(ErrorCode::bad_signature));
  customs.first_transport_key = honest;
  EXPECT_FALSE(verify(exchange_.sign(1, {})).has_value());
}

TEST_F(RegistryTest, RefusesFirstRecordsOfAnotherAgency) {
  auto& customs = *exchange_.agencies["kz.customs"];
  customs.first_delegation =
      exchange_.sign_delegation(prosecutor_, customs.identity, customs.signing.public_key());
  EXPECT_THAT(verified(), FailsWith(ErrorCode::malformed, HasSubstr("first delegation")));
}

TEST_F(RegistryTest, NeedsOneBrokerAndOneAuthoritiesEntry) {
  auto entries = exchange_.entries();
  const auto without = [&](auto is_kind) {
    auto some = entries;
    std::erase_if(some, is_kind);
    return *sign_snapshot(exchange_.head(1, {}), some, exchange_.signers());
  };
  EXPECT_THAT(verify(without([](const auto& entry) {
                return std::holds_alternative<wire::BrokerEntry>(entry);
              })),
              FailsWith(ErrorCode::malformed, HasSubstr("broker")));
  EXPECT_THAT(verify(without([](const auto& entry) {
                return std::holds_alternative<wire::AuthoritiesEntry>(entry);
              })),
              FailsWith(ErrorCode::malformed, HasSubstr("authorities")));
  auto second = exchange_.broker;
  second.endpoint = "tcp://127.0.0.1:7401";
  second.transport_keys = {TransportKeyPair::generate(exchange_.randomness).public_key()};
  entries.push_back(second);
  EXPECT_THAT(verify(*sign_snapshot(exchange_.head(1, {}), entries, exchange_.signers())),
              FailsWith(ErrorCode::duplicate, HasSubstr("broker")));
}

TEST_F(RegistryTest, RulesDenyByDefault) {
  KERUEN_ASSERT_OK(const auto registry, verified());
  for (const auto kind : {MessageKind::notice, MessageKind::schedule, MessageKind::evidence,
                          MessageKind::part, MessageKind::receipt}) {
    EXPECT_FALSE(registry->allows(guard_, customs_, kind));
  }
}

TEST_F(RegistryTest, PartsFollowMessagesAndReceiptsGoBack) {
  exchange_.add_rule("kz.border-guard", "kz.customs", {MessageKind::notice});
  KERUEN_ASSERT_OK(const auto registry, verified());
  EXPECT_TRUE(registry->allows(guard_, customs_, MessageKind::notice));
  EXPECT_TRUE(registry->allows(guard_, customs_, MessageKind::part));
  EXPECT_TRUE(registry->allows(customs_, guard_, MessageKind::receipt));
  EXPECT_FALSE(registry->allows(guard_, customs_, MessageKind::schedule));
  EXPECT_FALSE(registry->allows(guard_, customs_, MessageKind::receipt));
  EXPECT_FALSE(registry->allows(customs_, guard_, MessageKind::notice));
  EXPECT_FALSE(registry->allows(customs_, guard_, MessageKind::part));
  EXPECT_FALSE(registry->allows(guard_, prosecutor_, MessageKind::notice));
}

TEST_F(RegistryTest, TwoHalvesOfRulesDoNotMakeOne) {
  exchange_.add_rule("kz.border-guard", "kz.customs", {MessageKind::notice});
  exchange_.add_rule("kz.customs", "kz.prosecutor", {MessageKind::schedule});
  KERUEN_ASSERT_OK(const auto registry, verified());
  EXPECT_FALSE(registry->allows(guard_, prosecutor_, MessageKind::notice));
  EXPECT_FALSE(registry->allows(guard_, customs_, MessageKind::schedule));
}

TEST_F(RegistryTest, ASuspendedAgencyNeitherSendsNorReceives) {
  exchange_.add_rule("kz.all", "kz.all", {MessageKind::notice});
  exchange_.agencies["kz.customs"]->status = wire::AgencyStatus::suspended;
  KERUEN_ASSERT_OK(const auto registry, verified());
  EXPECT_FALSE(registry->is_active(customs_));
  EXPECT_FALSE(registry->allows(customs_, guard_, MessageKind::notice));
  EXPECT_FALSE(registry->allows(guard_, customs_, MessageKind::notice));
  EXPECT_TRUE(registry->allows(guard_, prosecutor_, MessageKind::notice));
}

TEST_F(RegistryTest, FindsAnOperatorByItsKey) {
  const auto key = TransportKeyPair::generate(exchange_.randomness);
  exchange_.other_entries.push_back(wire::OperatorEntry{
      *OperatorName::parse("duty"), key.public_key(), wire::OperatorRole::monitor});
  KERUEN_ASSERT_OK(const auto registry, verified());
  ASSERT_NE(registry->operator_of(key.id()), nullptr);
  EXPECT_EQ(registry->operator_of(key.id())->name.text(), "duty");
  EXPECT_EQ(registry->operator_of(exchange_.broker_transport.id()), nullptr);
}

TEST_F(RegistryTest, KnowsWhatMayFollowWhat) {
  KERUEN_ASSERT_OK(const auto first, verified());
  KERUEN_ASSERT_OK(const auto second, verified());
  EXPECT_THAT(check_follows(*second, *first), IsOk());
  EXPECT_THAT(check_follows(*first, *second),
              FailsWith(ErrorCode::out_of_sequence, HasSubstr("older")));
  EXPECT_THAT(check_follows(*first, *first), FailsWith(ErrorCode::duplicate));

  exchange_.add_rule("kz.all", "kz.all", {MessageKind::notice});
  KERUEN_ASSERT_OK(const auto fork, verify(exchange_.sign(2, first->hash())));
  EXPECT_THAT(check_follows(*fork, *second), FailsWith(ErrorCode::chain_fork));
  KERUEN_ASSERT_OK(const auto unrelated, verify(exchange_.sign(3, fork->hash())));
  EXPECT_THAT(check_follows(*unrelated, *second), FailsWith(ErrorCode::out_of_sequence));
  // Whoever slept through versions takes the newest: k authorities signed it.
  KERUEN_ASSERT_OK(const auto later, verify(exchange_.sign(7, fork->hash())));
  EXPECT_THAT(check_follows(*later, *second), IsOk());
}

// allows() against the rules read one by one.
RC_GTEST_PROP(RegistryProperty, AllowsExactlyWhatARuleNames, (std::uint64_t seed)) {
  SampleExchange exchange(seed);
  const std::vector<std::string> names = {"kz.a", "kz.b", "kz.c", "kz.d"};
  for (const auto& name : names) exchange.add_agency(name);
  const std::map<std::string, std::vector<std::string>> groups = {
      {"kz.all", names}, {"kz.left", {"kz.a", "kz.b"}}, {"kz.none", {}}};
  for (const auto& [group, members] : groups) exchange.add_group(group, members);
  std::vector<std::string> parties = names;
  for (const auto& [group, members] : groups) parties.push_back(group);

  struct Rule {
    std::string from, to;
    MessageKind kind;
    auto operator<=>(const Rule&) const = default;
  };
  std::set<Rule> rules;
  // Past a word's 64 bits, so that the second word is used too.
  const auto count = *rc::gen::inRange<std::size_t>(0, 90);
  for (std::size_t number = 0; number < count; ++number) {
    rules.insert({*rc::gen::elementOf(parties), *rc::gen::elementOf(parties),
                  static_cast<MessageKind>(*rc::gen::inRange(1, 4))});
  }
  for (const auto& rule : rules) exchange.add_rule(rule.from, rule.to, {rule.kind});
  const auto registry = exchange.registry();

  const auto holds = [&](const std::string& party, const std::string& agency) {
    const auto group = groups.find(party);
    return group == groups.end() ? party == agency : std::ranges::count(group->second, agency) == 1;
  };
  const auto named = [&](const std::string& from, const std::string& to,
                         std::optional<MessageKind> kind) {
    return std::ranges::any_of(rules, [&](const Rule& rule) {
      return holds(rule.from, from) && holds(rule.to, to) && (!kind || rule.kind == *kind);
    });
  };
  for (const auto& from : names) {
    for (const auto& to : names) {
      const auto sender = *AgencyId::parse(from);
      const auto recipient = *AgencyId::parse(to);
      for (const auto kind : {MessageKind::notice, MessageKind::schedule, MessageKind::evidence}) {
        RC_ASSERT(registry->allows(sender, recipient, kind) == named(from, to, kind));
      }
      RC_ASSERT(registry->allows(sender, recipient, MessageKind::part) ==
                named(from, to, std::nullopt));
      RC_ASSERT(registry->allows(sender, recipient, MessageKind::receipt) ==
                named(to, from, std::nullopt));
    }
  }
}

}  // namespace
}  // namespace keruen::certs
