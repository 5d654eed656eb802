// INTERNAL to the .cc files of this directory: values that stand in more than one message.
// Shape: write_* fills a builder, *_of reads strictly.   Threads: pure functions.
#pragma once

#include <vector>

#include "schemas/wire/fields.h"
#include "schemas/wire/registry.h"
#include "schemas/wire/report.h"
#include "schemas/wire/statement.h"

namespace keruen::wire {

void write_position(format::DirectoryPosition::Builder target, const DirectoryPosition& position);
[[nodiscard]] Result<DirectoryPosition> directory_position_of(
    format::DirectoryPosition::Reader source);

void write_record(format::SignedRecord::Builder target, const SignedRecord& record);
[[nodiscard]] Result<SignedRecord> record_of(format::SignedRecord::Reader source);

void write_signatures(capnp::List<format::AuthoritySignature>::Builder target,
                      const std::vector<AuthoritySignature>& signatures);
// At most kAuthoritiesMax, each authority once: k signatures are k authorities.
[[nodiscard]] Result<std::vector<AuthoritySignature>> signatures_of(
    capnp::List<format::AuthoritySignature>::Reader source);

void write_report(format::Report::Builder target, const Report& report);
[[nodiscard]] Result<Report> report_of(format::Report::Reader source);
// Words that writing `report` needs at most.
[[nodiscard]] std::size_t words_for(const Report& report);

}  // namespace keruen::wire
