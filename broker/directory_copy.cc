#include "broker/directory_copy.h"

namespace keruen::broker {
namespace {

Result<void> supply_line(certs::Directory& copy, const certs::Directory& source,
                         const wire::DirectoryLine& line) {
  if (line.type == wire::DirectoryType::registry) {
    const auto registry = source.snapshot(line.signed_hash);
    if (registry) return copy.supply(registry->snapshot());
  } else if (const auto* record = source.record(line.signed_hash)) {
    return copy.supply(*record);
  }
  return fail(ErrorCode::not_found, "its record is not there");
}

}  // namespace

Result<certs::Directory> copy_directory(const certs::Directory& source,
                                        const certs::Authorities& trusted) {
  certs::Directory copy(source.origin(), trusted);
  for (const wire::DirectoryLine& line : source.lines()) {
    KERUEN_CHECK(copy.append(line));
    if (auto supplied = supply_line(copy, source, line); !supplied) {
      return fail(ErrorCode::corrupt, "the directory line of log entry " +
                                          std::to_string(line.index.value) + ": " +
                                          supplied.error().detail);
    }
  }
  return copy;
}

}  // namespace keruen::broker
