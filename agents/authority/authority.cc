#include "agents/authority/authority.h"

#include <algorithm>

#include "agents/authority/agency_files.h"
#include "agents/authority/state.h"

namespace keruen::authority {
namespace {

constexpr std::chrono::hours kRootLife{10 * 365 * 24};

// A key without a state is what an init that was cut short leaves, or what is left when a state was
// lost: only a person can know, and making another key would hide it.
Result<void> check_is_free(Desk& desk, const std::string& directory) {
  const std::string state_file = path_in(directory, kStateFile);
  KERUEN_TRY(const bool has_state, host::exists(desk.disk, state_file));
  if (has_state) {
    return fail(ErrorCode::duplicate,
                "there is an exchange authority in " + directory + " already; it is kept");
  }
  const std::string key_file = path_in(directory, kAuthorityKeyFile);
  KERUEN_TRY(const bool has_key, host::exists(desk.disk, key_file));
  if (!has_key) return {};
  return fail(ErrorCode::duplicate,
              key_file + " is there without " + state_file +
                  ": an init was cut short, or the state was lost. If nothing was ever published "
                  "with that key, delete it and give the command again; else put " +
                  std::string(kStateFile) + " back from a backup");
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
    const auto is_same = [&](const auto& other) { return other.public_key == root->public_key; };
    if (std::ranges::any_of(roots, is_same)) {
      return fail(ErrorCode::malformed,
                  path + " is the root of an authority that is named already; name each once");
    }
    roots.push_back(std::move(*root));
  }
  return roots;
}

}  // namespace

Result<AuthorityInitReport> init_authority(Desk& desk, const AuthorityInit& wanted,
                                           const certs::Unlock& unlock) {
  KERUEN_CHECK(check_is_free(desk, wanted.directory));
  AuthorityState state;
  state.exchange = wanted.exchange;
  state.last_signed_at = desk.now.wall;
  auto key = certs::SigningKeyPair::generate(desk.randomness);
  const std::string name =
      wanted.name.empty() ? wanted.exchange.text() + " authority" : wanted.name;
  const certs::Validity validity{desk.now.wall - kValidBefore, desk.now.wall + kRootLife};
  KERUEN_TRY(auto root, certs::make_authority_certificate(name, key, validity, desk.randomness));
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
  KERUEN_CHECK(host::write_file_atomically(desk.disk, path_in(wanted.directory, kStateFile),
                                           bytes_of(encode_state(state)), host::kPrivateMode));
  return report;
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
  if (found == opened.state().agencies.end()) return fail(not_admitted(agency));
  if (found->second.status == status) {
    return fail(ErrorCode::duplicate,
                agency.text() + (status == wire::AgencyStatus::active ? " is not suspended"
                                                                      : " is suspended already"));
  }
  found->second.status = status;
  return opened.save();
}

}  // namespace keruen::authority
