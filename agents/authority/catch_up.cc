#include "agents/authority/catch_up.h"

#include <algorithm>

#include "agents/authority/agency_files.h"

namespace keruen::authority {
namespace {

Result<std::shared_ptr<const certs::Registry>> read_published(Desk& desk,
                                                              const AuthorityState& state,
                                                              const std::string& path) {
  KERUEN_TRY(const Bytes bytes, host::read_file(desk.disk, path, kSnapshotBytesMax));
  const auto read = [&]() -> Result<std::shared_ptr<const certs::Registry>> {
    KERUEN_TRY(const auto snapshot, wire::decode_snapshot(bytes));
    return certs::verify_snapshot(snapshot, state.exchange, state.authorities);
  };
  auto registry = read();
  if (!registry) return fail(registry.error().code, path + ": " + registry.error().detail);
  return registry;
}

std::string version_text(RegistryVersion version) {
  return "registry version " + std::to_string(version.value);
}

// One entry of a registry into the state's own form.
class Taking {
 public:
  explicit Taking(AuthorityState& state) : state_(state) {}
  void operator()(wire::AgencyEntry&& entry) const {
    const AgencyId id = entry.id;
    state_.agencies.emplace(id, std::move(entry));
  }
  void operator()(wire::GroupEntry&& entry) const {
    state_.groups[entry.id] = {entry.members.begin(), entry.members.end()};
  }
  void operator()(wire::RuleEntry&& entry) const {
    state_.rules[{entry.from, entry.to}] = {entry.kinds.begin(), entry.kinds.end()};
  }
  void operator()(wire::OperatorEntry&& entry) const {
    const OperatorName name = entry.name;
    state_.operators.emplace(name, std::move(entry));
  }
  void operator()(wire::BrokerEntry&& entry) const { state_.broker = std::move(entry); }
  // The state's own signed it, and nothing changes them.
  void operator()(wire::AuthoritiesEntry&&) const {}

 private:
  AuthorityState& state_;
};

Result<void> take(AuthorityState& state, const certs::Registry& registry) {
  state.agencies.clear();
  state.groups.clear();
  state.rules.clear();
  state.operators.clear();
  for (const Bytes& bytes : registry.snapshot().entries) {
    KERUEN_TRY(auto entry, wire::decode_registry_entry(bytes));
    std::visit(Taking(state), std::move(entry));
  }
  state.note_published(registry);
  // Whoever signed it had a clock as well.
  state.last_signed_at = std::max(state.last_signed_at, registry.head().issued_at);
  return {};
}

}  // namespace

Result<CatchUpReport> catch_up(Desk& desk, const CatchUp& wanted) {
  KERUEN_TRY(auto opened, OpenedState::open(desk.disk, wanted.directory));
  AuthorityState& state = opened.state();
  if (!state.broker) {
    return fail(ErrorCode::not_found,
                "the state in " + wanted.directory +
                    " is from before the exchange had a broker; put a newer backup back");
  }
  KERUEN_TRY(const auto registry, read_published(desk, state, wanted.registry_file));
  const RegistryVersion version = registry->head().version;
  if (version < state.version) {
    return fail(ErrorCode::out_of_sequence, wanted.registry_file + " is " + version_text(version) +
                                                ", and this desk has published version " +
                                                std::to_string(state.version.value) +
                                                "; take the newest one from the broker's folder");
  }
  if (registry->hash() == state.head) {
    return fail(ErrorCode::duplicate, "the state in " + wanted.directory + " is that of " +
                                          version_text(version) + " already; nothing was changed");
  }
  CatchUpReport report{state.version, version, {}, {}};
  for (const auto& [id, entry] : state.agencies) {
    if (registry->agency(id) == nullptr) report.gone.push_back(id);
  }
  for (const auto& [id, agency] : registry->agencies()) {
    if (!registry->is_active(id)) report.suspended.push_back(id);
  }
  KERUEN_CHECK(take(state, *registry));
  KERUEN_CHECK(opened.save());
  return report;
}

Result<void> check_nothing_newer(Desk& desk, const AuthorityState& state,
                                 const std::string& directory) {
  const std::string own_file = path_in(path_in(directory, kOutDirectory), kRegistryFile);
  for (const std::string& file : {own_file, state.broker_registry_file}) {
    const auto published = read_published(desk, state, file);
    if (!published) continue;
    const certs::Registry& registry = **published;
    const RegistryVersion version = registry.head().version;
    const bool is_known = version < state.version || registry.hash() == state.head;
    if (is_known) continue;
    return fail(ErrorCode::out_of_sequence,
                file + " is " + version_text(version) + ", and the newest that the state in " +
                    directory + " knows of is " + (version == state.version ? "another " : "") +
                    "version " + std::to_string(state.version.value) +
                    ": the state was put back from an older backup. Put a newer one back, or run "
                    "keruen authority catch-up --dir " +
                    directory + " " + file);
  }
  return {};
}

}  // namespace keruen::authority
