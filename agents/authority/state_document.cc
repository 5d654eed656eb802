// The lines of authority.state, in the order they are written and read.
#include "agents/authority/state.h"
#include "agents/authority/text_document.h"
#include "schemas/content/instant.h"

namespace keruen::authority {
namespace {

constexpr std::string_view kFirstLine = "keruen authority 2";
// Without last-signed and published-identity.
constexpr std::string_view kFirstLineOfVersion1 = "keruen authority 1";
constexpr std::string_view kComment =
    "The exchange authority's state; keruen authority changes it. Keep it with authority.key.";
constexpr std::string_view kActive = "active";
constexpr std::string_view kSuspended = "suspended";

template <class Values, class Text>
std::string joined(const Values& values, Text text) {
  std::string result;
  for (const auto& value : values) {
    if (!result.empty()) result.push_back(' ');
    result.append(text(value));
  }
  return result;
}

void write_agency(DocumentWriter& writer, const wire::AgencyEntry& agency) {
  writer.add("agency", agency.id.text());
  for (const auto& [language, name] : agency.names) writer.add("name", language + " " + name);
  if (agency.parent) writer.add("parent", agency.parent->text());
  writer.add("status", agency.status == wire::AgencyStatus::active ? kActive : kSuspended);
  writer.add_bytes("certificate", agency.certificate);
  writer.add_bytes("first-signing-key", wire::encode_signed_record(agency.first_delegation));
  writer.add_bytes("first-transport-key", wire::encode_signed_record(agency.first_transport_key));
}

Result<wire::SignedRecord> read_record(DocumentReader& reader, std::string_view key) {
  KERUEN_TRY(const Bytes bytes, reader.take_bytes(key));
  auto record = wire::decode_signed_record(bytes);
  if (!record) return reader.fault(record.error().detail);
  return record;
}

Result<void> read_agency(DocumentReader& reader, AuthorityState& state) {
  wire::AgencyEntry agency;
  KERUEN_TRY(agency.id, reader.take_id<AgencyId>("agency"));
  while (const auto name = reader.take_if("name")) {
    const auto blank = name->find(' ');
    if (blank == std::string::npos) return reader.fault("expected a language and a name");
    agency.names.insert_or_assign(name->substr(0, blank), name->substr(blank + 1));
  }
  if (reader.next_is("parent")) {
    KERUEN_TRY(agency.parent, reader.take_id<AgencyId>("parent"));
  }
  KERUEN_TRY(const std::string status, reader.take("status"));
  if (status != kActive && status != kSuspended)
    return reader.fault("expected active or suspended");
  agency.status = status == kActive ? wire::AgencyStatus::active : wire::AgencyStatus::suspended;
  KERUEN_TRY(agency.certificate, reader.take_bytes("certificate"));
  KERUEN_TRY(agency.first_delegation, read_record(reader, "first-signing-key"));
  KERUEN_TRY(agency.first_transport_key, read_record(reader, "first-transport-key"));
  const AgencyId id = agency.id;
  if (!state.agencies.emplace(id, std::move(agency)).second) {
    return reader.fault("the agency " + id.text() + " stands here twice");
  }
  return {};
}

Result<void> read_group(DocumentReader& reader, AuthorityState& state) {
  KERUEN_TRY(const std::string value, reader.take("group"));
  const auto words = words_of(value);
  KERUEN_TRY(const auto id, reader.id_of<GroupId>(words.front()));
  auto& members = state.groups[id];
  for (std::size_t place = 1; place < words.size(); ++place) {
    KERUEN_TRY(auto member, reader.id_of<AgencyId>(words[place]));
    members.insert(std::move(member));
  }
  return {};
}

Result<void> read_rule(DocumentReader& reader, AuthorityState& state) {
  KERUEN_TRY(const std::string value, reader.take("rule"));
  const auto words = words_of(value);
  if (words.size() < 3) return reader.fault("expected from, to and kinds of message");
  KERUEN_TRY(auto from, reader.id_of<PartyId>(words[0]));
  KERUEN_TRY(auto to, reader.id_of<PartyId>(words[1]));
  auto& kinds = state.rules[{std::move(from), std::move(to)}];
  for (std::size_t place = 2; place < words.size(); ++place) {
    const auto kind = message_kind_named(words[place]);
    if (!kind) return reader.fault("\"" + words[place] + "\" is no kind of message");
    kinds.insert(*kind);
  }
  return {};
}

Result<void> read_operator(DocumentReader& reader, AuthorityState& state) {
  KERUEN_TRY(const std::string value, reader.take("operator"));
  const auto words = words_of(value);
  if (words.size() != 3) return reader.fault("expected name, role and transport key");
  wire::OperatorEntry entry;
  KERUEN_TRY(entry.name, reader.id_of<OperatorName>(words[0]));
  const auto role = operator_role_named(words[1]);
  if (!role) return reader.fault("\"" + words[1] + "\" is no role of an operator");
  entry.role = *role;
  KERUEN_TRY(entry.transport_key, reader.fixed_of<TransportPublicKey>(words[2]));
  state.operators.insert_or_assign(entry.name, entry);
  return {};
}

Result<void> read_broker(DocumentReader& reader, AuthorityState& state) {
  wire::BrokerEntry broker;
  KERUEN_TRY(broker.endpoint, reader.take("broker"));
  do {
    KERUEN_TRY(const auto key, reader.take_fixed<TransportPublicKey>("broker-key"));
    broker.transport_keys.push_back(key);
  } while (reader.next_is("broker-key"));
  do {
    KERUEN_TRY(const auto key, reader.take_fixed<SigningPublicKey>("log-key"));
    broker.log_keys.push_back(key);
  } while (reader.next_is("log-key"));
  if (!all_distinct(broker.transport_keys) || !all_distinct(broker.log_keys)) {
    return reader.fault("a key of the broker stands here twice");
  }
  KERUEN_TRY(state.broker_registry_file, reader.take("broker-registry-file"));
  state.broker = std::move(broker);
  return {};
}

Result<WallTime> take_time(DocumentReader& reader, std::string_view key) {
  KERUEN_TRY(const std::string text, reader.take(key));
  const auto time = content::instant_from_text(text);
  if (!time) return reader.fault("expected a time like 2026-05-14T09:00:00Z");
  return *time;
}

Result<void> read_published_identity(DocumentReader& reader, AuthorityState& state) {
  KERUEN_TRY(const std::string value, reader.take("published-identity"));
  const auto words = words_of(value);
  if (words.size() != 2) return reader.fault("expected agency and identity key");
  KERUEN_TRY(const auto agency, reader.id_of<AgencyId>(words[0]));
  KERUEN_TRY(const auto identity, reader.fixed_of<SigningPublicKey>(words[1]));
  auto& identities = state.published_identities[agency];
  identities.push_back(identity);
  if (!all_distinct(identities)) return reader.fault("an identity key stands here twice");
  return {};
}

// What a state of version 1 lets one know of what it does not say.
void fill_in(AuthorityState& state) {
  state.last_signed_at = std::max(state.authorities.roots.front().valid_from, wall_time_of(1));
  if (state.version.value == 0) return;
  for (const auto& [id, agency] : state.agencies) {
    const auto certificate = certs::parse_certificate(agency.certificate);
    if (certificate) state.note_identity(id, certificate->public_key);
  }
}

}  // namespace

std::string encode_state(const AuthorityState& state) {
  DocumentWriter writer(kFirstLine, kComment);
  writer.add("exchange", state.exchange.text());
  writer.add("signatures-needed", std::to_string(state.authorities.threshold));
  for (const auto& root : state.authorities.roots) writer.add_bytes("root", root.der);
  writer.add("version", std::to_string(state.version.value));
  writer.add("registry-hash", state.head.hex());
  writer.add("last-signed", content::instant_text(state.last_signed_at));
  if (state.broker) {
    writer.add("broker", state.broker->endpoint);
    for (const auto& key : state.broker->transport_keys) writer.add("broker-key", key.hex());
    for (const auto& key : state.broker->log_keys) writer.add("log-key", key.hex());
    writer.add("broker-registry-file", state.broker_registry_file);
  }
  for (const auto& [id, agency] : state.agencies) write_agency(writer, agency);
  for (const auto& [id, members] : state.groups) {
    const auto text = joined(members, [](const AgencyId& member) { return member.text(); });
    writer.add("group", text.empty() ? id.text() : id.text() + " " + text);
  }
  for (const auto& [parties, kinds] : state.rules) {
    writer.add("rule", parties.first.text() + " " + parties.second.text() + " " +
                           joined(kinds, [](MessageKind kind) { return keruen::name_of(kind); }));
  }
  for (const auto& [name, entry] : state.operators) {
    writer.add("operator", name.text() + " " + std::string(name_of(entry.role)) + " " +
                               entry.transport_key.hex());
  }
  for (const auto& [id, identities] : state.published_identities) {
    for (const auto& identity : identities) {
      writer.add("published-identity", id.text() + " " + identity.hex());
    }
  }
  return writer.text();
}

Result<AuthorityState> decode_state(std::string_view text, const std::string& path) {
  const bool is_of_version_1 = text.starts_with(std::string(kFirstLineOfVersion1) + "\n");
  KERUEN_TRY(auto reader,
             DocumentReader::open(text, path, is_of_version_1 ? kFirstLineOfVersion1 : kFirstLine));
  AuthorityState state;
  KERUEN_TRY(state.exchange, reader.take_id<Origin>("exchange"));
  KERUEN_TRY(const std::uint64_t threshold, reader.take_number("signatures-needed"));
  do {
    KERUEN_TRY(const Bytes der, reader.take_bytes("root"));
    auto root = certs::parse_certificate(der);
    if (!root) return reader.fault(root.error().detail);
    state.authorities.roots.push_back(std::move(*root));
  } while (reader.next_is("root"));
  if (!all_distinct(state.authorities.roots)) return reader.fault("a root stands here twice");
  if (threshold == 0 || threshold > state.authorities.roots.size()) {
    return reader.fault(std::to_string(threshold) + " signatures of " +
                        std::to_string(state.authorities.roots.size()) + " are not possible");
  }
  state.authorities.threshold = static_cast<std::uint32_t>(threshold);
  KERUEN_TRY(state.version.value, reader.take_number("version"));
  KERUEN_TRY(state.head, reader.take_fixed<Digest>("registry-hash"));
  if (!is_of_version_1) {
    KERUEN_TRY(state.last_signed_at, take_time(reader, "last-signed"));
  }
  if (reader.next_is("broker")) KERUEN_CHECK(read_broker(reader, state));
  while (reader.next_is("agency")) KERUEN_CHECK(read_agency(reader, state));
  while (reader.next_is("group")) KERUEN_CHECK(read_group(reader, state));
  while (reader.next_is("rule")) KERUEN_CHECK(read_rule(reader, state));
  while (reader.next_is("operator")) KERUEN_CHECK(read_operator(reader, state));
  while (!is_of_version_1 && reader.next_is("published-identity")) {
    KERUEN_CHECK(read_published_identity(reader, state));
  }
  KERUEN_CHECK(reader.finish());
  if (is_of_version_1) fill_in(state);
  return state;
}

}  // namespace keruen::authority
