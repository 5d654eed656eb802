#include "tests/support/test_exchange.h"

#include "certs/hash.h"
#include "certs/key_record.h"

namespace keruen {
namespace {

template <class Value>
Value must(Result<Value> result, std::string_view what) {
  if (!result) ensure(false, std::string(what) + ": " + result.error().detail);
  return std::move(*result);
}

constexpr std::chrono::hours kYear{365 * 24};

}  // namespace

AgencyId agency_named(std::string_view id) { return must(AgencyId::parse(id), "an agency id"); }
PartyId party_named(std::string_view id) { return must(PartyId::parse(id), "a party id"); }

TestExchange::TestExchange(const std::vector<std::string>& agencies)
    : TestExchange(agencies, Options()) {}

TestExchange::TestExchange(const std::vector<std::string>& agencies, Options options)
    : randomness_(options.seed),
      origin_(must(Origin::parse(options.origin), "an origin")),
      authorities_([&] {
        certs::Authorities made;
        made.threshold = options.threshold;
        const certs::Validity validity{clock_.wall() - kYear, clock_.wall() + 5 * kYear};
        for (std::size_t number = 0; number < options.authorities; ++number) {
          auto key = certs::SigningKeyPair::generate(randomness_);
          auto root = must(
              certs::make_authority_certificate("Exchange authority " + std::to_string(number + 1),
                                                key, validity, randomness_),
              "a root certificate");
          made.roots.push_back(root);
          authority_keys_.push_back({std::move(key), std::move(root)});
        }
        return made;
      }()),
      log_key_(certs::SigningKeyPair::generate(randomness_)),
      broker_(certs::TransportKeyPair::generate(randomness_)),
      directory_(origin_, authorities_) {
  for (const std::string& id : agencies) admit(id);
}

TestExchange::~TestExchange() = default;

const certs::SigningKeyPair& TestExchange::authority_key(std::size_t number) const {
  return authority_keys_.at(number).key;
}
const certs::Certificate& TestExchange::authority(std::size_t number) const {
  return authority_keys_.at(number).certificate;
}

TestAgency& TestExchange::agency(std::string_view id) {
  for (TestAgency& agency : agencies_) {
    if (agency.id.text() == id) return agency;
  }
  ensure(false, "the test exchange has no agency " + std::string(id));
  return agencies_.front();
}

TestAgency& TestExchange::admit(std::string_view id) {
  auto identity = certs::SigningKeyPair::generate(randomness_);
  const AgencyId name = agency_named(id);
  const certs::CertificateRequest request{name, identity.public_key()};
  auto certificate =
      must(certs::issue_agency_certificate(
               request, authority_keys_.front().certificate, authority_keys_.front().key,
               {clock_.wall() - std::chrono::hours{24}, clock_.wall() + kYear}, randomness_),
           "a certificate");
  agencies_.push_back({name,
                       std::move(identity),
                       std::move(certificate),
                       certs::SigningKeyPair::generate(randomness_),
                       certs::TransportKeyPair::generate(randomness_),
                       certs::PrekeyPair::generate(randomness_),
                       {},
                       {},
                       {},
                       wire::AgencyStatus::active,
                       std::make_unique<certs::Sealer>(name, randomness_)});
  TestAgency& agency = agencies_.back();
  agency.first_delegation = delegate_new_signing_key(agency);
  agency.first_transport_key = state_new_transport_key(agency);
  agency.prekey_record = state_new_prekey(agency, clock_.wall() - kPrekeyEarly);
  return agency;
}

wire::SignedRecord TestExchange::delegate_new_signing_key(TestAgency& agency) {
  agency.signing = certs::SigningKeyPair::generate(randomness_);
  const wire::Delegation delegation{origin_, agency.id, agency.signing.public_key(), clock_.wall(),
                                    clock_.wall() + kSigningKeyLife};
  return certs::sign_key_record(delegation, agency.identity);
}

wire::SignedRecord TestExchange::state_new_transport_key(TestAgency& agency) {
  agency.transport = certs::TransportKeyPair::generate(randomness_);
  const wire::TransportRecord record{origin_,
                                     agency.id,
                                     agency.signing.id(),
                                     agency.transport.public_key(),
                                     clock_.wall(),
                                     clock_.wall() + kTransportKeyLife};
  return certs::sign_key_record(record, agency.signing);
}

wire::SignedRecord TestExchange::state_new_prekey(TestAgency& agency, WallTime window_from) {
  agency.prekey = certs::PrekeyPair::generate(randomness_);
  const wire::Prekey record{origin_,
                            agency.id,
                            agency.signing.id(),
                            agency.prekey.public_key(),
                            window_from,
                            window_from + kPrekeyWindow};
  return certs::sign_key_record(record, agency.signing);
}

wire::SignedRecord TestExchange::revoke(const TestAgency& agency, const KeyId& key) {
  const wire::Revocation record{origin_, agency.id, key, clock_.wall()};
  return certs::sign_key_record(record, agency.identity);
}

RegistryDraft TestExchange::registry_draft() const {
  RegistryDraft draft;
  draft.head.origin = origin_;
  draft.head.version = version_.next();
  draft.head.previous = registry_hash_;
  draft.head.issued_at = clock_.wall();
  draft.head.expires_at = clock_.wall() + kRegistryLife;
  wire::GroupEntry everybody;
  everybody.id = must(GroupId::parse("kz.all"), "a group id");
  for (const TestAgency& agency : agencies_) everybody.members.push_back(agency.id);
  std::ranges::sort(everybody.members);
  draft.groups.push_back(std::move(everybody));
  draft.rules.push_back({party_named("kz.all"),
                         party_named("kz.all"),
                         {MessageKind::notice, MessageKind::schedule, MessageKind::evidence}});
  draft.signatures = authority_keys_.size();
  return draft;
}

wire::UnverifiedSnapshot TestExchange::sign_registry(const RegistryDraft& draft) {
  std::vector<wire::RegistryEntry> entries;
  for (const TestAgency& agency : agencies_) {
    wire::AgencyEntry entry;
    entry.id = agency.id;
    entry.names = {{"en", "Agency " + agency.id.text()}};
    entry.certificate = agency.certificate.der;
    entry.first_delegation = agency.first_delegation;
    entry.first_transport_key = agency.first_transport_key;
    entry.status = agency.status;
    entries.emplace_back(std::move(entry));
  }
  entries.insert(entries.end(), draft.groups.begin(), draft.groups.end());
  entries.insert(entries.end(), draft.rules.begin(), draft.rules.end());
  entries.insert(entries.end(), draft.operators.begin(), draft.operators.end());
  wire::BrokerEntry broker;
  broker.endpoint = "tcp://127.0.0.1:7400";
  broker.transport_keys = {broker_.public_key()};
  broker.log_keys = {log_key_.public_key()};
  entries.emplace_back(std::move(broker));
  wire::AuthoritiesEntry authorities;
  for (const Authority& authority : authority_keys_) {
    authorities.roots.push_back(authority.certificate.der);
  }
  authorities.threshold = authorities_.threshold;
  entries.emplace_back(std::move(authorities));

  std::vector<const certs::SigningKeyPair*> signers;
  for (std::size_t number = 0; number < draft.signatures; ++number) {
    signers.push_back(&authority_keys_.at(number).key);
  }
  auto snapshot = must(certs::sign_snapshot(draft.head, entries, signers), "a registry");
  version_ = draft.head.version;
  registry_hash_ = certs::sha256(snapshot.head);
  return snapshot;
}

std::vector<TestRecord> TestExchange::founding() {
  std::vector<TestRecord> records;
  records.emplace_back(next_registry());
  for (const TestAgency& agency : agencies_) records.emplace_back(agency.prekey_record);
  return records;
}

wire::DirectoryLine TestExchange::line_of(const TestRecord& record, LogIndex index) const {
  wire::DirectoryLine line{index, clock_.wall(), wire::DirectoryType::registry, {}, {}};
  if (const auto* snapshot = std::get_if<wire::UnverifiedSnapshot>(&record)) {
    line.signed_hash = certs::sha256(snapshot->head);
    return line;
  }
  const auto& signed_record = std::get<wire::SignedRecord>(record);
  const auto decoded = must(wire::decode_key_record(signed_record.body), "a key record");
  line.type = wire::type_of(decoded);
  line.agency = wire::agency_of(decoded);
  line.signed_hash = certs::signed_hash(signed_record);
  return line;
}

void TestExchange::learn(const wire::DirectoryLine& line, const TestRecord& record) {
  auto appended = directory_.append(line);
  ensure(appended.has_value(), "the test's directory takes the line");
  auto supplied = std::visit([&](const auto& value) { return directory_.supply(value); }, record);
  if (!supplied) ensure(false, "the test's directory takes the record: " + supplied.error().detail);
}

void TestExchange::learn_founding() {
  LogIndex index{0};
  for (const TestRecord& record : founding()) {
    learn(line_of(record, index), record);
    index = index.next();
  }
}

TestStream TestExchange::open_stream(std::string_view sender, Lane lane) {
  TestStream stream;
  stream.sender = agency(sender).id;
  stream.stream = StreamId{randomness_.draw_number()};
  stream.lane = lane;
  return stream;
}

wire::PairPosition TestExchange::place_in_pair(const TestStream& stream, const AgencyId& to) const {
  const auto found = stream.pairs.find(to);
  return found == stream.pairs.end() ? wire::PairPosition{PairSequence{1}, {}} : found->second;
}

TestBatch TestExchange::messages(TestStream& stream, const std::vector<TestMessage>& messages,
                                 const Change& change) {
  TestAgency& sender = agency(stream.sender.text());
  std::vector<wire::Leaf> leaves;
  std::vector<Digest> hashes;
  for (const TestMessage& message : messages) {
    certs::SealInput input;
    input.kind = message.kind;
    input.message = message.message.value_or(certs::draw_message_id(randomness_, clock_.wall()));
    input.signing_key = sender.signing.id();
    input.created_at = message.created_at.value_or(clock_.wall());
    input.expires_at = message.expires_at.value_or(input.created_at + kExpiryDefault);
    for (const std::string& id : message.to) {
      const TestAgency& recipient = agency(id);
      input.recipients.push_back(
          {recipient.id, recipient.prekey.public_key(), place_in_pair(stream, recipient.id)});
    }
    auto sealed =
        must(sender.sealer->seal(input, bytes_of(message.content), clock_.now()), "a message");
    for (const std::string& id : message.to) {
      wire::PairPosition& pair = stream.pairs[agency_named(id)];
      pair = {PairSequence{std::max<std::uint64_t>(pair.sequence.value, 1) + 1}, sealed.leaf_hash};
    }
    leaves.push_back({0, std::move(sealed.leaf)});
    hashes.push_back(sealed.leaf_hash);
  }
  return close(stream, std::move(leaves), hashes, change);
}

TestBatch TestExchange::receipts(TestStream& stream, const std::vector<TestReceipt>& receipts,
                                 const Change& change) {
  std::vector<wire::Leaf> leaves;
  std::vector<Digest> hashes;
  for (const TestReceipt& stated : receipts) {
    const AgencyId to = agency_named(stated.to);
    const wire::Receipt receipt{
        to,           place_in_pair(stream, to), stated.batch, stated.leaves, stated.undeliverable,
        clock_.wall()};
    const wire::ReceiptLeaf leaf{SharedBytes(wire::encode_receipt(receipt))};
    hashes.push_back(certs::leaf_hash_of(leaf));
    stream.pairs[to] = {receipt.position.sequence.next(), hashes.back()};
    leaves.push_back({0, leaf});
  }
  return close(stream, std::move(leaves), hashes, change);
}

TestBatch TestExchange::close(TestStream& stream, std::vector<wire::Leaf> leaves,
                              const std::vector<Digest>& hashes, const Change& change) {
  const TestAgency& sender = agency(stream.sender.text());
  wire::Statement statement;
  statement.origin = origin_;
  statement.sender = sender.id;
  statement.signing_key = sender.signing.id();
  statement.stream = stream.stream;
  statement.lane = stream.lane;
  statement.sequence = stream.next;
  statement.previous_batch = stream.previous;
  statement.created_at = clock_.wall();
  statement.directory = directory_.position();
  statement.salt = randomness_.draw<Salt>();
  if (change) change(statement);

  TestBatch made;
  made.signed_batch =
      certs::sign_batch(std::move(statement), std::move(leaves), hashes, sender.signing);
  made.bytes = SharedBytes(wire::encode_batch(made.signed_batch.batch));
  const auto decoded = must(wire::decode_batch(made.bytes), "a batch");
  auto verified = certs::verify_batch(
      decoded, made.signed_batch.statement.origin,
      [&](const AgencyId&, const KeyId&) { return std::optional(sender.signing.public_key()); });
  if (verified) {
    made.verified = std::make_shared<const certs::VerifiedBatch>(std::move(*verified));
  }
  stream.next = stream.next.next();
  stream.previous = made.signed_batch.hash;
  return made;
}

}  // namespace keruen
