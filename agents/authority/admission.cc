// Taking an agency in by its request, and giving its certificate new days. Whatever `publish` would
// refuse is refused here: one entry that no registry may hold would keep all of them from being
// published.
#include <algorithm>

#include "agents/authority/agency_files.h"
#include "agents/authority/authority.h"
#include "agents/authority/request.h"
#include "agents/authority/state.h"
#include "certs/hash.h"
#include "schemas/content/instant.h"

namespace keruen::authority {
namespace {

constexpr std::chrono::hours kClockOffMost{24};
constexpr std::chrono::hours kAgencyCertificateLife{2 * 365 * 24};

struct ReadRequest {
  CheckedRequest checked;
  Digest hash;  // of the file
};

// Either clock may be the wrong one, so both are named.
Result<void> check_times(const CheckedRequest& checked, WallTime now) {
  const std::string here = ", and this machine's clock says " + content::instant_text(now);
  const WallTime until = std::min(checked.delegation.valid_until, checked.transport.valid_until);
  if (until <= now) {
    return fail(ErrorCode::expired, "its first keys ended at " + content::instant_text(until) +
                                        here +
                                        ". Where that is right, make a new request with keruen "
                                        "agency init in another folder");
  }
  const WallTime from = std::max(checked.delegation.valid_from, checked.transport.valid_from);
  if (from > now + kClockOffMost) {
    return fail(ErrorCode::expired, "its first keys begin at " + content::instant_text(from) +
                                        here +
                                        ". Where that is right, the clock of the machine that "
                                        "made it was ahead: set that one right and make a new "
                                        "request with keruen agency init in another folder");
  }
  return {};
}

Result<ReadRequest> read_request(Desk& desk, const AuthorityState& state, const std::string& path) {
  KERUEN_TRY(const Bytes text, host::read_file(desk.disk, path, kRequestBytesMax));
  KERUEN_TRY(auto checked, decode_request(text_of(text), path));
  if (checked.request.origin != state.exchange) {
    const std::string& agency = checked.request.agency.text();
    return fail(ErrorCode::denied,
                path + " is made for the exchange " + checked.request.origin.text() +
                    ", and this is " + state.exchange.text() + "; " + agency +
                    " must run keruen agency init with --exchange " + state.exchange.text());
  }
  if (const auto timely = check_times(checked, desk.now.wall); !timely) {
    return fail(timely.error().code, path + ": " + timely.error().detail);
  }
  return ReadRequest{std::move(checked), certs::sha256(text)};
}

// An id is an agency or a group, never both.
Result<void> check_ids(const AuthorityState& state, const AgencyId& id, const Admission& wanted) {
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
  return {};
}

struct FirstKeys {
  SigningPublicKey identity;
  SigningPublicKey signing;
  TransportPublicKey transport;
};

Result<FirstKeys> first_keys_of(const wire::AgencyEntry& entry) {
  KERUEN_TRY(const auto certificate, certs::parse_certificate(entry.certificate));
  KERUEN_TRY(const auto first, wire::decode_key_record(entry.first_delegation.body));
  KERUEN_TRY(const auto second, wire::decode_key_record(entry.first_transport_key.body));
  const auto* delegation = std::get_if<wire::Delegation>(&first);
  const auto* transport = std::get_if<wire::TransportRecord>(&second);
  if (delegation == nullptr || transport == nullptr) {
    return fail(ErrorCode::malformed, "the first keys listed for " + entry.id.text() +
                                          " are none; have it admitted again");
  }
  return FirstKeys{certificate.public_key, delegation->signing_key, transport->transport_key};
}

std::string make_another(const AgencyId& agency) {
  return "; " + agency.text() +
         " must run keruen agency init in a new folder and hand in the request it makes there";
}

// One key, one holder: a public key is in every registry, and whoever copies one into a request of
// its own would be taken for its holder, or cut it off.
Result<void> check_keys_are_its_own(const AuthorityState& state, const CheckedRequest& checked) {
  const AgencyId& id = checked.request.agency;
  const TransportPublicKey& transport_key = checked.transport.transport_key;
  const auto taken = [&](std::string_view which, const std::string& holder) {
    return fail(ErrorCode::duplicate, "the " + std::string(which) + " of the request is that of " +
                                          holder + " already" + make_another(id));
  };
  for (const auto& [name, entry] : state.operators) {
    if (entry.transport_key == transport_key) {
      return taken("first transport key", "the operator " + name.text());
    }
  }
  if (state.broker && std::ranges::count(state.broker->transport_keys, transport_key) > 0) {
    return taken("first transport key", "the broker");
  }
  for (const auto& [other, entry] : state.agencies) {
    if (other == id) continue;
    KERUEN_TRY(const auto keys, first_keys_of(entry));
    if (keys.identity == checked.certificate_request.public_key) {
      return taken("identity key", other.text());
    }
    if (keys.signing == checked.delegation.signing_key) {
      return taken("first signing key", other.text());
    }
    if (keys.transport == transport_key) return taken("first transport key", other.text());
  }
  return {};
}

// Every directory voids for good what an identity delegated once another is listed in its place;
// listed again it would be an agency whose keys nobody takes.
Result<void> check_identity_is_not_past(const AuthorityState& state,
                                        const CheckedRequest& checked) {
  const AgencyId& id = checked.request.agency;
  const SigningPublicKey& identity = checked.certificate_request.public_key;
  for (const auto& [agency, identities] : state.published_identities) {
    if (std::ranges::count(identities, identity) == 0) continue;
    if (agency == id && identities.back() == identity) continue;
    return fail(ErrorCode::denied, "the identity key of the request is one that " + agency.text() +
                                       " had before: all its keys ended for good when another "
                                       "took its place" +
                                       make_another(id));
  }
  return {};
}

Result<AdmissionReport> examine(const AuthorityState& state, const ReadRequest& read,
                                const Admission& wanted, WallTime now) {
  const CheckedRequest& checked = read.checked;
  const AgencyId& id = checked.request.agency;
  KERUEN_CHECK(check_ids(state, id, wanted));
  KERUEN_CHECK(check_keys_are_its_own(state, checked));
  KERUEN_CHECK(check_identity_is_not_past(state, checked));
  AdmissionReport report;
  report.agency = id;
  report.names = checked.request.names;
  report.groups = {wanted.groups.begin(), wanted.groups.end()};
  for (const auto& [group, members] : state.groups) {
    if (members.contains(id)) report.groups.insert(group);
  }
  report.parent = wanted.parent;
  report.fingerprint = certs::fingerprint_of(checked.certificate_request.public_key);
  report.certificate_valid_until = now + kAgencyCertificateLife;
  report.request_hash = read.hash;
  const auto before = state.agencies.find(id);
  if (before != state.agencies.end()) {
    const auto certificate = certs::parse_certificate(before->second.certificate);
    report.is_new_identity =
        !certificate || certificate->public_key != checked.certificate_request.public_key;
    // Admitting again does not forget a parent.
    if (!report.parent) report.parent = before->second.parent;
  }
  return report;
}

Result<certs::Certificate> issue_certificate(Desk& desk, const AuthorityState& state,
                                             const std::string& directory,
                                             const certs::CertificateRequest& request,
                                             const certs::Unlock& unlock) {
  KERUEN_TRY(const auto key, load_authority_key(desk.disk, directory, state.exchange, unlock));
  const WallTime now = desk.now.wall;
  return certs::issue_agency_certificate(request, state.authorities.roots.front(), key,
                                         {now - kValidBefore, now + kAgencyCertificateLife},
                                         desk.randomness);
}

}  // namespace

Result<AdmissionReport> examine_request(Desk& desk, const Admission& wanted) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, wanted.directory));
  KERUEN_CHECK(opened.begin_signing(desk.now.wall));
  KERUEN_TRY(const auto read, read_request(desk, opened.state(), wanted.request_file));
  return examine(opened.state(), read, wanted, desk.now.wall);
}

Result<AdmissionReport> admit(Desk& desk, const Admission& wanted, const certs::Unlock& unlock) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, wanted.directory));
  KERUEN_CHECK(opened.begin_signing(desk.now.wall));
  AuthorityState& state = opened.state();
  KERUEN_TRY(const auto read, read_request(desk, state, wanted.request_file));
  // Comparing takes minutes; whoever can swap the file meanwhile would be admitted unseen, or under
  // names nobody saw.
  if (wanted.shown_request && *wanted.shown_request != read.hash) {
    return fail(ErrorCode::denied,
                wanted.request_file +
                    " changed while it was being compared; nothing was admitted. Find out who "
                    "changed the file, then admit it anew and compare again");
  }
  KERUEN_TRY(auto report, examine(state, read, wanted, desk.now.wall));
  const CheckedRequest& checked = read.checked;
  KERUEN_TRY(const auto certificate,
             issue_certificate(desk, state, wanted.directory, checked.certificate_request, unlock));
  wire::AgencyEntry entry;
  entry.id = checked.request.agency;
  entry.names = checked.request.names;
  entry.certificate = certificate.der;
  entry.first_delegation = checked.request.first_delegation;
  entry.first_transport_key = checked.request.first_transport_key;
  entry.parent = report.parent;
  const auto before = state.agencies.find(entry.id);
  // Admitting again does not lift a suspension.
  if (before != state.agencies.end()) entry.status = before->second.status;
  state.agencies.insert_or_assign(entry.id, entry);
  for (const GroupId& group : report.groups) state.groups[group].insert(entry.id);
  if (const auto fits = certs::check_entries(state.entries(), state.exchange); !fits) {
    return fail(fits.error().code, "with " + wanted.request_file +
                                       " no registry could be published: " + fits.error().detail +
                                       "; nothing was admitted");
  }
  KERUEN_CHECK(opened.save());
  report.certificate_valid_until = certificate.valid_until;
  return report;
}

// Its request proved that the agency holds the key; only the certificate's days are new.
Result<RenewalReport> renew(Desk& desk, const Renewal& wanted, const certs::Unlock& unlock) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, wanted.directory));
  KERUEN_CHECK(opened.begin_signing(desk.now.wall));
  AuthorityState& state = opened.state();
  const auto found = state.agencies.find(wanted.agency);
  if (found == state.agencies.end()) return fail(not_admitted(wanted.agency));
  wire::AgencyEntry& entry = found->second;
  KERUEN_TRY(const auto before, certs::parse_certificate(entry.certificate));
  KERUEN_TRY(const auto certificate, issue_certificate(desk, state, wanted.directory,
                                                       {wanted.agency, before.public_key}, unlock));
  if (certificate.valid_until < before.valid_until) {
    return fail(ErrorCode::expired,
                "the certificate of " + wanted.agency.text() + " is valid until " +
                    content::instant_text(before.valid_until) +
                    ", and one made now would end before it: this machine's clock says " +
                    content::instant_text(desk.now.wall) + "; set it right. Nothing was renewed");
  }
  entry.certificate = certificate.der;
  KERUEN_CHECK(opened.save());
  return RenewalReport{wanted.agency, before.valid_until, certificate.valid_until};
}

}  // namespace keruen::authority
