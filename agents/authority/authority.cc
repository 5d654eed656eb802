#include "agents/authority/authority.h"

#include "agents/authority/agency_files.h"
#include "agents/authority/request.h"
#include "agents/authority/state.h"
#include "certs/hash.h"

namespace keruen::authority {
namespace {

// Clocks differ: what is valid from now here must be valid at once there.
constexpr std::chrono::hours kValidBefore{1};
constexpr std::chrono::hours kClockOffMost{24};
constexpr std::chrono::hours kRootLife{10 * 365 * 24};
constexpr std::chrono::hours kAgencyCertificateLife{2 * 365 * 24};
constexpr std::size_t kRequestFileBytesMax = 64 * 1024;

certs::Validity validity_from(WallTime now, std::chrono::hours life) {
  return {now - kValidBefore, now + life};
}

Result<std::vector<certs::Certificate>> read_roots(Desk& desk,
                                                   const std::vector<std::string>& paths) {
  std::vector<certs::Certificate> roots;
  for (const std::string& path : paths) {
    KERUEN_TRY(const Bytes pem, host::read_file(desk.disk, path, kCertificateBytesMax * 2));
    auto root = certs::certificate_from_pem(text_of(pem));
    if (!root) return fail(root.error().code, path + ": " + root.error().detail);
    if (!certs::check_issued_by(*root, {*root})) {
      return fail(ErrorCode::bad_signature, path + " is not the root of an authority");
    }
    roots.push_back(std::move(*root));
  }
  return roots;
}

Result<CheckedRequest> read_request(Desk& desk, const AuthorityState& state,
                                    const std::string& path) {
  KERUEN_TRY(const Bytes text, host::read_file(desk.disk, path, kRequestFileBytesMax));
  KERUEN_TRY(auto checked, decode_request(text_of(text), path));
  if (checked.request.origin != state.exchange) {
    const std::string& agency = checked.request.agency.text();
    return fail(ErrorCode::denied,
                path + " is made for the exchange " + checked.request.origin.text() +
                    ", and this is " + state.exchange.text() + "; " + agency +
                    " must run keruen agency init with --exchange " + state.exchange.text());
  }
  if (checked.delegation.valid_until <= desk.now.wall ||
      checked.transport.valid_until <= desk.now.wall) {
    return fail(
        ErrorCode::expired,
        path + ": its first keys are past their time; make a new request with keruen agency init");
  }
  if (checked.delegation.valid_from > desk.now.wall + kClockOffMost) {
    return fail(ErrorCode::expired,
                path +
                    ": its first keys begin in days to come, so the clock of the machine that "
                    "made it was ahead; set that right and make a new request with keruen "
                    "agency init in another folder");
  }
  return checked;
}

Result<certs::Certificate> issue_certificate(Desk& desk, const AuthorityState& state,
                                             const std::string& directory,
                                             const certs::CertificateRequest& request,
                                             const certs::Unlock& unlock) {
  KERUEN_TRY(const auto key, load_authority_key(desk.disk, directory, state.exchange, unlock));
  return certs::issue_agency_certificate(request, state.authorities.roots.front(), key,
                                         validity_from(desk.now.wall, kAgencyCertificateLife),
                                         desk.randomness);
}

tl::unexpected<Error> not_admitted(const AgencyId& agency) {
  return fail(ErrorCode::unknown_agency, agency.text() + " is not admitted here");
}

// One id, one identity key; one identity key, one id.
Result<AdmissionReport> examine(const AuthorityState& state, const CheckedRequest& checked,
                                const Admission& wanted, WallTime now) {
  const AgencyId& id = checked.request.agency;
  if (state.groups.contains(*GroupId::parse(id.text()))) {
    return fail(ErrorCode::duplicate, id.text() + " is a group here; the agency needs another id");
  }
  if (wanted.parent && (*wanted.parent == id || !state.agencies.contains(*wanted.parent))) {
    return fail(ErrorCode::unknown_agency,
                "the parent " + wanted.parent->text() + " is not another agency listed here");
  }
  for (const GroupId& group : wanted.groups) {
    if (group.text() == id.text() || state.agencies.contains(*AgencyId::parse(group.text()))) {
      return fail(ErrorCode::duplicate, group.text() + " is an agency; a group needs another id");
    }
  }
  AdmissionReport report;
  report.agency = id;
  report.names = checked.request.names;
  report.fingerprint = certs::fingerprint_of(checked.certificate_request.public_key);
  report.certificate_valid_until = validity_from(now, kAgencyCertificateLife).until;
  for (const auto& [other, entry] : state.agencies) {
    KERUEN_TRY(const auto certificate, certs::parse_certificate(entry.certificate));
    const bool same_key = certificate.public_key == checked.certificate_request.public_key;
    if (other == id) {
      report.is_new_identity = !same_key;
    } else if (same_key) {
      return fail(ErrorCode::duplicate,
                  "the identity key of the request is that of " + other.text() + " already");
    }
  }
  return report;
}

}  // namespace

Result<AuthorityInitReport> init_authority(Desk& desk, const AuthorityInit& wanted,
                                           const certs::Unlock& unlock) {
  const std::string state_file = path_in(wanted.directory, kStateFile);
  KERUEN_TRY(const bool there, host::exists(desk.disk, state_file));
  if (there) {
    return fail(ErrorCode::duplicate,
                "there is an exchange authority in " + wanted.directory + " already; it is kept");
  }
  AuthorityState state;
  state.exchange = wanted.exchange;
  auto key = certs::SigningKeyPair::generate(desk.randomness);
  const std::string name =
      wanted.name.empty() ? wanted.exchange.text() + " authority" : wanted.name;
  KERUEN_TRY(auto root, certs::make_authority_certificate(
                            name, key, validity_from(desk.now.wall, kRootLife), desk.randomness));
  KERUEN_TRY(auto further, read_roots(desk, wanted.further_roots));
  state.authorities.roots.push_back(root);
  for (auto& other : further) state.authorities.roots.push_back(std::move(other));
  state.authorities.threshold = wanted.threshold;
  if (wanted.threshold == 0 || wanted.threshold > state.authorities.roots.size() ||
      state.authorities.roots.size() > kAuthoritiesMax) {
    return fail(ErrorCode::malformed,
                std::to_string(wanted.threshold) + " signatures of " +
                    std::to_string(state.authorities.roots.size()) +
                    " authorities are not possible; name the other roots with --further-root FILE");
  }
  KERUEN_CHECK(desk.disk.make_directory(path_in(wanted.directory, kOutDirectory)));
  KERUEN_CHECK(certs::save_key(desk.disk, path_in(wanted.directory, kAuthorityKeyFile),
                               authority_purpose(wanted.exchange), key.seed(), unlock,
                               desk.randomness, desk.passphrase_cost));
  AuthorityInitReport report{path_in(wanted.directory, kRootFile),
                             certs::fingerprint_of(key.public_key())};
  KERUEN_CHECK(host::write_file_atomically(desk.disk, report.root_file,
                                           bytes_of(certs::to_pem(root)), host::kSharedMode));
  // Last: an authority is there when its state is.
  KERUEN_CHECK(host::write_file_atomically(desk.disk, state_file, bytes_of(encode_state(state)),
                                           host::kPrivateMode));
  return report;
}

Result<AdmissionReport> examine_request(Desk& desk, const Admission& wanted) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, wanted.directory));
  KERUEN_TRY(const auto checked, read_request(desk, opened.state(), wanted.request_file));
  return examine(opened.state(), checked, wanted, desk.now.wall);
}

Result<AdmissionReport> admit(Desk& desk, const Admission& wanted, const certs::Unlock& unlock) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, wanted.directory));
  AuthorityState& state = opened.state();
  KERUEN_TRY(const auto checked, read_request(desk, state, wanted.request_file));
  KERUEN_TRY(auto report, examine(state, checked, wanted, desk.now.wall));
  // Comparing takes minutes; whoever can swap the file meanwhile would be admitted unseen.
  if (wanted.compared_fingerprint && *wanted.compared_fingerprint != report.fingerprint) {
    return fail(ErrorCode::denied,
                wanted.request_file + " changed while it was being compared: its fingerprint is " +
                    report.fingerprint + " now, and " + *wanted.compared_fingerprint +
                    " was compared; nothing was admitted. Find out who changed the file, then "
                    "admit it anew and compare again");
  }
  KERUEN_TRY(const auto certificate,
             issue_certificate(desk, state, wanted.directory, checked.certificate_request, unlock));
  wire::AgencyEntry entry;
  entry.id = checked.request.agency;
  entry.names = checked.request.names;
  entry.certificate = certificate.der;
  entry.first_delegation = checked.request.first_delegation;
  entry.first_transport_key = checked.request.first_transport_key;
  entry.parent = wanted.parent;
  const auto before = state.agencies.find(entry.id);
  if (before != state.agencies.end()) {
    // Admitting again renews; it does not lift a suspension or forget a parent.
    entry.status = before->second.status;
    if (!entry.parent) entry.parent = before->second.parent;
  }
  state.agencies.insert_or_assign(entry.id, entry);
  for (const GroupId& group : wanted.groups) state.groups[group].insert(entry.id);
  KERUEN_CHECK(opened.save());
  report.certificate_valid_until = certificate.valid_until;
  return report;
}

// Its request proved that the agency holds the key; only the certificate's days are new.
Result<RenewalReport> renew(Desk& desk, const Renewal& wanted, const certs::Unlock& unlock) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, wanted.directory));
  AuthorityState& state = opened.state();
  const auto found = state.agencies.find(wanted.agency);
  if (found == state.agencies.end()) return not_admitted(wanted.agency);
  wire::AgencyEntry& entry = found->second;
  KERUEN_TRY(const auto before, certs::parse_certificate(entry.certificate));
  KERUEN_TRY(const auto certificate, issue_certificate(desk, state, wanted.directory,
                                                       {wanted.agency, before.public_key}, unlock));
  entry.certificate = certificate.der;
  KERUEN_CHECK(opened.save());
  return RenewalReport{wanted.agency, before.valid_until, certificate.valid_until};
}

namespace {

Result<void> check_rule(const AuthorityState& state, const RuleChange& change) {
  for (const PartyId* party : {&change.from, &change.to}) {
    if (!state.names(*party)) {
      return fail(ErrorCode::unknown_agency,
                  party->text() + " is neither an agency nor a group here; admit it first");
    }
  }
  if (change.kinds.empty()) {
    return fail(ErrorCode::malformed, "a rule names kinds of message: --kind notice");
  }
  for (const MessageKind kind : change.kinds) {
    if (kind == MessageKind::part || kind == MessageKind::receipt) {
      return fail(ErrorCode::malformed,
                  "parts go wherever a message may and receipts back wherever one may come: they "
                  "need no rule");
    }
  }
  return {};
}

}  // namespace

Result<std::vector<MessageKind>> allow(Desk& desk, const RuleChange& change) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, change.directory));
  KERUEN_CHECK(check_rule(opened.state(), change));
  auto& kinds = opened.state().rules[{change.from, change.to}];
  kinds.insert(change.kinds.begin(), change.kinds.end());
  const std::vector<MessageKind> now(kinds.begin(), kinds.end());
  KERUEN_CHECK(opened.save());
  return now;
}

Result<std::vector<MessageKind>> forbid(Desk& desk, const RuleChange& change) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, change.directory));
  KERUEN_CHECK(check_rule(opened.state(), change));
  const auto rule = opened.state().rules.find({change.from, change.to});
  if (rule == opened.state().rules.end()) {
    return fail(ErrorCode::not_found,
                "no rule goes from " + change.from.text() + " to " + change.to.text());
  }
  for (const MessageKind kind : change.kinds) rule->second.erase(kind);
  const std::vector<MessageKind> left(rule->second.begin(), rule->second.end());
  if (left.empty()) opened.state().rules.erase(rule);
  KERUEN_CHECK(opened.save());
  return left;
}

Result<void> set_status(Desk& desk, const std::string& directory, const AgencyId& agency,
                        wire::AgencyStatus status) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, directory));
  const auto found = opened.state().agencies.find(agency);
  if (found == opened.state().agencies.end()) return not_admitted(agency);
  if (found->second.status == status) {
    return fail(ErrorCode::duplicate,
                agency.text() + (status == wire::AgencyStatus::active ? " is not suspended"
                                                                      : " is suspended already"));
  }
  found->second.status = status;
  return opened.save();
}

}  // namespace keruen::authority
