#include "agents/authority/catch_up.h"

#include <algorithm>

#include "agents/authority/agency_files.h"
#include "schemas/content/instant.h"

namespace keruen::authority {
namespace {

bool is_of_the_future(const certs::Registry& registry, const Desk& desk) {
  return registry.head().issued_at > desk.now.wall + kClockAheadMax;
}

std::string own_file_in(const std::string& directory) {
  return path_in(path_in(directory, kOutDirectory), kRegistryFile);
}

// Over what a fork left: publish would take that for what is newest.
Result<void> put_beside(Desk& desk, const AuthorityState& state, const std::string& directory,
                        const certs::Registry& registry) {
  const Bytes bytes = wire::encode_snapshot(registry.snapshot());
  KERUEN_CHECK(desk.disk.make_directory(path_in(directory, kOutDirectory)));
  KERUEN_CHECK(
      host::write_file_atomically(desk.disk, own_file_in(directory), bytes, host::kSharedMode));
  KERUEN_TRY(const bool is_here, host::exists(desk.disk, state.broker_registry_file));
  if (!is_here) return {};
  return host::write_file_atomically(desk.disk, state.broker_registry_file, bytes,
                                     host::kSharedMode);
}

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
  if (is_of_the_future(*registry, desk)) {
    return fail(ErrorCode::expired,
                wanted.registry_file + " was signed by a clock that was ahead, at " +
                    content::instant_text(registry->head().issued_at) +
                    ", and no broker takes it; take the one in the broker's folder. Or is this "
                    "machine's clock behind?");
  }
  if (version < state.version) {
    return fail(ErrorCode::out_of_sequence,
                wanted.registry_file + " is " + version_text(version) +
                    ", and this desk has published version " + std::to_string(state.version.value) +
                    "; take the newest one from the broker's folder. If that is the newest, this "
                    "desk published from an older backup: put that backup back first");
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
  KERUEN_CHECK(put_beside(desk, state, wanted.directory, *registry));
  KERUEN_CHECK(opened.save());
  return report;
}

Result<void> check_nothing_newer(Desk& desk, const AuthorityState& state,
                                 const std::string& directory) {
  for (const std::string& file : {own_file_in(directory), state.broker_registry_file}) {
    const auto published = read_published(desk, state, file);
    // No broker took one of the future, and what is published now is written over it.
    if (!published || is_of_the_future(**published, desk)) continue;
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
