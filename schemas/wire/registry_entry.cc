#include "schemas/wire/registry_entry.h"

#include <algorithm>

#include "schemas/limits.h"
#include "schemas/wire/pieces.h"
#include "schemas/wire/registry.h"

namespace keruen::wire {
namespace {

using Format = format::RegistryEntry;

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<std::map<std::string, std::string>> names_of(capnp::List<format::LocalName>::Reader source) {
  KERUEN_CHECK(check_count(source.size(), 0, kNamesPerAgencyMax, "names"));
  std::map<std::string, std::string> names;
  for (const auto read : source) {
    const std::string language(view_of(read.getLanguage()));
    if (!is_language_tag(language)) return malformed("names", "not a language tag");
    KERUEN_TRY(std::string name, text_of(read.getName(), kNameBytesMax, "name"));
    if (name.empty() || has_control_character(name)) {
      return malformed("name", "empty, or with a control character");
    }
    if (!names.empty() && language <= names.rbegin()->first) {
      return malformed("names", "languages do not ascend");
    }
    names.emplace(language, std::move(name));
  }
  return names;
}

// All but the id.
Result<void> read_agency(Format::Agency::Reader source, AgencyEntry& entry) {
  KERUEN_TRY(entry.names, names_of(source.getNames()));
  KERUEN_TRY(entry.certificate,
             blob_of(source.getCertificate(), kCertificateBytesMax, "certificate"));
  KERUEN_TRY(entry.first_delegation, record_of(source.getFirstDelegation()));
  KERUEN_TRY(entry.first_transport_key, record_of(source.getFirstTransportKey()));
  if (source.getParent().size() != 0) {
    KERUEN_TRY(entry.parent, id_of<AgencyId>(source.getParent(), "parent"));
    if (entry.parent == entry.id) return malformed("parent", "the agency itself");
  }
  const auto status = source.getStatus();
  if (status != static_cast<std::uint8_t>(AgencyStatus::active) &&
      status != static_cast<std::uint8_t>(AgencyStatus::suspended)) {
    return malformed("status", "neither active nor suspended");
  }
  entry.status = static_cast<AgencyStatus>(status);
  return {};
}

Result<RegistryEntry> agency_of(Format::Agency::Reader source) {
  AgencyEntry entry;
  KERUEN_TRY(entry.id, id_of<AgencyId>(source.getId(), "agency"));
  // One entry of thousands: what is wrong is of use only with whose it is.
  if (const auto read = read_agency(source, entry); !read) {
    return fail(read.error().code, "the agency " + entry.id.text() + ": " + read.error().detail);
  }
  return entry;
}

Result<RegistryEntry> group_of(Format::Group::Reader source) {
  GroupEntry entry;
  KERUEN_TRY(entry.id, id_of<GroupId>(source.getId(), "group"));
  const auto members = source.getMembers();
  KERUEN_CHECK(check_count(members.size(), 0, kGroupMembersMax, "members"));
  entry.members.reserve(members.size());
  for (const auto text : members) {
    KERUEN_TRY(AgencyId member, id_of<AgencyId>(text, "members"));
    if (!entry.members.empty() && member <= entry.members.back()) {
      return malformed("members", "not in ascending order");
    }
    entry.members.push_back(std::move(member));
  }
  return entry;
}

Result<RegistryEntry> rule_of(Format::Rule::Reader source) {
  RuleEntry entry;
  KERUEN_TRY(entry.from, id_of<PartyId>(source.getFrom(), "from"));
  KERUEN_TRY(entry.to, id_of<PartyId>(source.getTo(), "to"));
  const auto kinds = source.getKinds();
  KERUEN_CHECK(check_count(kinds.size(), 1, kMessageKindMax, "kinds"));
  for (const auto number : kinds) {
    KERUEN_TRY(const MessageKind kind, kind_of(number, "kinds"));
    if (kind == MessageKind::part || kind == MessageKind::receipt) {
      return malformed("kinds", "part and receipt follow from the other kinds");
    }
    if (!entry.kinds.empty() && kind <= entry.kinds.back()) {
      return malformed("kinds", "not in ascending order");
    }
    entry.kinds.push_back(kind);
  }
  return entry;
}

Result<RegistryEntry> operator_of(Format::Operator::Reader source) {
  OperatorEntry entry;
  KERUEN_TRY(entry.name, id_of<OperatorName>(source.getName(), "operator"));
  KERUEN_TRY(entry.transport_key,
             fixed_of<TransportPublicKey>(source.getTransportKey(), "transport key"));
  const auto role = source.getRole();
  if (role < static_cast<std::uint8_t>(OperatorRole::monitor) ||
      role > static_cast<std::uint8_t>(OperatorRole::courier)) {
    return malformed("role", "neither monitor, administrator nor courier");
  }
  entry.role = static_cast<OperatorRole>(role);
  return entry;
}

template <class Key>
Result<std::vector<Key>> keys_of(capnp::List<capnp::Data>::Reader source, std::string_view field) {
  KERUEN_CHECK(check_count(source.size(), 1, kBrokerKeysMax, field));
  std::vector<Key> keys;
  for (const auto data : source) {
    KERUEN_TRY(const Key key, fixed_of<Key>(data, field));
    keys.push_back(key);
  }
  return keys;
}

Result<RegistryEntry> broker_of(Format::Broker::Reader source) {
  BrokerEntry entry;
  KERUEN_TRY(entry.endpoint, text_of(source.getEndpoint(), kEndpointBytesMax, "endpoint"));
  if (const auto fault = fault_of_endpoint(entry.endpoint)) return malformed("endpoint", *fault);
  KERUEN_TRY(entry.transport_keys,
             keys_of<TransportPublicKey>(source.getTransportKeys(), "transport keys"));
  KERUEN_TRY(entry.log_keys, keys_of<SigningPublicKey>(source.getLogKeys(), "log keys"));
  return entry;
}

Result<RegistryEntry> authorities_of(Format::Authorities::Reader source) {
  AuthoritiesEntry entry;
  const auto roots = source.getRoots();
  KERUEN_CHECK(check_count(roots.size(), 1, kAuthoritiesMax, "roots"));
  for (const auto root : roots) {
    KERUEN_TRY(Bytes bytes, blob_of(root, kCertificateBytesMax, "root"));
    entry.roots.push_back(std::move(bytes));
  }
  entry.threshold = source.getThreshold();
  if (entry.threshold < 1 || entry.threshold > entry.roots.size()) {
    return malformed("threshold", "not between one and the number of authorities");
  }
  return entry;
}

Result<RegistryEntry> entry_of(Format::Reader source) {
  switch (source.which()) {
    case Format::AGENCY:
      return agency_of(source.getAgency());
    case Format::GROUP:
      return group_of(source.getGroup());
    case Format::RULE:
      return rule_of(source.getRule());
    case Format::OPERATOR:
      return operator_of(source.getOperator());
    case Format::BROKER:
      return broker_of(source.getBroker());
    case Format::AUTHORITIES:
      return authorities_of(source.getAuthorities());
  }
  return fail(ErrorCode::unsupported, "a kind of registry entry not known here");
}

void write(Format::Builder root, const AgencyEntry& entry) {
  auto target = root.initAgency();
  target.setId(text_for(entry.id.text()));
  auto names = target.initNames(static_cast<kj::uint>(entry.names.size()));
  kj::uint place = 0;
  for (const auto& [language, name] : entry.names) {
    names[place].setLanguage(text_for(language));
    names[place++].setName(text_for(name));
  }
  target.setCertificate(data_of(entry.certificate));
  write_record(target.initFirstDelegation(), entry.first_delegation);
  write_record(target.initFirstTransportKey(), entry.first_transport_key);
  if (entry.parent) target.setParent(text_for(entry.parent->text()));
  target.setStatus(static_cast<std::uint8_t>(entry.status));
}

void write(Format::Builder root, const GroupEntry& entry) {
  auto target = root.initGroup();
  target.setId(text_for(entry.id.text()));
  auto members = target.initMembers(static_cast<kj::uint>(entry.members.size()));
  for (kj::uint i = 0; i < members.size(); ++i) members.set(i, text_for(entry.members[i].text()));
}

void write(Format::Builder root, const RuleEntry& entry) {
  auto target = root.initRule();
  target.setFrom(text_for(entry.from.text()));
  target.setTo(text_for(entry.to.text()));
  auto kinds = target.initKinds(static_cast<kj::uint>(entry.kinds.size()));
  for (kj::uint i = 0; i < kinds.size(); ++i) {
    kinds.set(i, static_cast<std::uint8_t>(entry.kinds[i]));
  }
}

void write(Format::Builder root, const OperatorEntry& entry) {
  auto target = root.initOperator();
  target.setName(text_for(entry.name.text()));
  target.setTransportKey(data_of(entry.transport_key));
  target.setRole(static_cast<std::uint8_t>(entry.role));
}

void write(Format::Builder root, const BrokerEntry& entry) {
  auto target = root.initBroker();
  target.setEndpoint(text_for(entry.endpoint));
  auto transport = target.initTransportKeys(static_cast<kj::uint>(entry.transport_keys.size()));
  for (kj::uint i = 0; i < transport.size(); ++i) {
    transport.set(i, data_of(entry.transport_keys[i]));
  }
  auto log = target.initLogKeys(static_cast<kj::uint>(entry.log_keys.size()));
  for (kj::uint i = 0; i < log.size(); ++i) log.set(i, data_of(entry.log_keys[i]));
}

void write(Format::Builder root, const AuthoritiesEntry& entry) {
  auto target = root.initAuthorities();
  auto roots = target.initRoots(static_cast<kj::uint>(entry.roots.size()));
  for (kj::uint i = 0; i < roots.size(); ++i) roots.set(i, data_of(entry.roots[i]));
  target.setThreshold(entry.threshold);
}

// Enough for everything whose size varies; the fixed fields of any entry fit in what is added.
std::size_t words_of(const RegistryEntry& entry) {
  std::size_t words = 128;
  if (const auto* agency = std::get_if<AgencyEntry>(&entry)) {
    words += words_for(agency->certificate.size()) +
             words_for(agency->first_delegation.body.size()) +
             words_for(agency->first_transport_key.body.size());
    for (const auto& [language, name] : agency->names) {
      words += words_for(language.size()) + words_for(name.size());
    }
  } else if (const auto* group = std::get_if<GroupEntry>(&entry)) {
    for (const auto& member : group->members) words += words_for(member.text().size());
  } else if (const auto* authorities = std::get_if<AuthoritiesEntry>(&entry)) {
    for (const auto& root : authorities->roots) words += words_for(root.size());
  }
  return words;
}

}  // namespace

bool is_language_tag(std::string_view text) {
  constexpr auto in_tag = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !text.empty() && text.size() <= kLanguageTagBytesMax && text.front() != '-' &&
         text.back() != '-' && std::ranges::all_of(text, in_tag);
}

Bytes encode_registry_entry(const RegistryEntry& entry) {
  FlatWriter writer(words_of(entry));
  const auto target = writer.initRoot<Format>();
  std::visit([&](const auto& fields) { write(target, fields); }, entry);
  return writer.finish();
}

Result<RegistryEntry> decode_registry_entry(BytesView bytes) {
  return read_strict<RegistryEntry>(
      bytes, kRegistryEntryBytesMax,
      [](capnp::MessageReader& message) { return entry_of(message.getRoot<Format>()); });
}

}  // namespace keruen::wire
