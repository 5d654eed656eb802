#include "broker/registry_file.h"

#include <utility>

#include "certs/hash.h"
#include "schemas/host/disk.h"
#include "schemas/host/journal.h"

namespace keruen::broker {
namespace {

constexpr std::chrono::seconds kAgainEvery{60};
constexpr std::size_t kAuthoritiesBytesMax = kAuthoritiesMax * kCertificateBytesMax + 4096;

Error in_file(const std::string& path, const Error& error) {
  return {error.code, path + ": " + error.detail};
}

}  // namespace

Result<certs::Authorities> load_authorities(host::Disk& disk, const std::string& path) {
  KERUEN_TRY(const Bytes bytes, host::read_file(disk, path, kAuthoritiesBytesMax));
  const auto entry = wire::decode_registry_entry(bytes);
  if (!entry) return fail(in_file(path, entry.error()));
  const auto* listed = std::get_if<wire::AuthoritiesEntry>(&*entry);
  if (listed == nullptr) {
    return fail(ErrorCode::malformed,
                path +
                    " does not hold the authorities' roots: copy the file that `keruen "
                    "authority broker` wrote");
  }
  certs::Authorities authorities;
  authorities.threshold = listed->threshold;
  for (const Bytes& root : listed->roots) {
    KERUEN_TRY(auto certificate, certs::parse_certificate(root));
    authorities.roots.push_back(std::move(certificate));
  }
  return authorities;
}

Result<std::optional<SubmittedSnapshot>> RegistryFile::changed(const IsLogged& is_logged, Now now) {
  auto bytes = host::read_file(disk_, path_, kSnapshotBytesMax);
  if (!bytes) {
    const ErrorCode code = bytes.error().code;
    const bool is_told = std::exchange(not_read_, code) == code;
    if (code == ErrorCode::not_found || is_told) return std::nullopt;
    return fail(std::move(bytes).error());
  }
  not_read_.reset();
  const Digest digest = certs::sha256(*bytes);
  if (seen_ == digest && (!again_at_ || now.monotonic < *again_at_)) return std::nullopt;
  seen_ = digest;
  again_at_.reset();
  auto snapshot = wire::decode_snapshot(*bytes);
  if (!snapshot) return fail(in_file(path_, snapshot.error()));
  if (is_logged(certs::sha256(snapshot->head))) return std::nullopt;
  again_at_ = now.monotonic + kAgainEvery;
  return SubmittedSnapshot{std::nullopt, std::move(*snapshot)};
}

void RegistryFile::report(const LogEvent& outcome) {
  const auto* record = std::get_if<RecordOutcome>(&outcome);
  if (record == nullptr) return;
  if (record->answer.refused) {
    journal_.write(host::JournalLevel::warning, "registry_file_refused",
                   {{"file", path_}, {"code", name_of(*record->answer.refused)}});
  } else {
    journal_.write(host::JournalLevel::info, "registry_file_taken",
                   {{"file", path_}, {"index", record->answer.index.value}});
  }
}

}  // namespace keruen::broker
