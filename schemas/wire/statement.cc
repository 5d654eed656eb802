#include "schemas/wire/statement.h"

#include "schemas/limits.h"
#include "schemas/wire/pieces.h"

namespace keruen::wire {
namespace {

Result<CheckpointSeen> checkpoint_seen_of(format::CheckpointSeen::Reader source) {
  CheckpointSeen seen;
  seen.size = {source.getSize()};
  KERUEN_TRY(seen.root, fixed_of<Digest>(source.getRoot(), "checkpoint root"));
  KERUEN_TRY(seen.log_key, fixed_of<KeyId>(source.getLogKey(), "checkpoint log key"));
  KERUEN_TRY(seen.log_signature,
             fixed_of<Signature>(source.getLogSignature(), "checkpoint signature"));
  if (seen.size.value == 0 && seen != CheckpointSeen{}) {
    return malformed("checkpoint", "not all zeros although none was seen");
  }
  return seen;
}

Result<void> check_rules(const Statement& statement) {
  if (statement.sequence.value == 0) return malformed("sequence", "counts from 1");
  if (statement.sequence.value == 1 && !statement.previous_batch.is_zero()) {
    return malformed("previous batch", "not zeros although the stream begins here");
  }
  return check_count(statement.leaf_count, 1, kLeavesPerBatchMax, "leaf count");
}

Result<Statement> statement_of(format::Statement::Reader source) {
  Statement statement;
  KERUEN_TRY(statement.origin, id_of<Origin>(source.getOrigin(), "origin"));
  KERUEN_TRY(statement.sender, id_of<AgencyId>(source.getSender(), "sender"));
  KERUEN_TRY(statement.signing_key, fixed_of<KeyId>(source.getSigningKey(), "signing key"));
  statement.stream = {source.getStream()};
  KERUEN_TRY(statement.lane, lane_of(source.getLane(), "lane"));
  statement.sequence = {source.getSequence()};
  KERUEN_TRY(statement.previous_batch,
             fixed_of<Digest>(source.getPreviousBatch(), "previous batch"));
  statement.leaf_count = source.getLeafCount();
  KERUEN_TRY(statement.root, fixed_of<Digest>(source.getRoot(), "root"));
  KERUEN_TRY(statement.created_at, time_of(source.getCreatedAt(), "created at"));
  KERUEN_TRY(statement.checkpoint_seen, checkpoint_seen_of(source.getCheckpointSeen()));
  KERUEN_TRY(statement.directory, directory_position_of(source.getDirectory()));
  KERUEN_TRY(statement.salt, fixed_of<Salt>(source.getSalt(), "salt"));
  KERUEN_CHECK(check_rules(statement));
  return statement;
}

}  // namespace

void write_position(format::DirectoryPosition::Builder target, const DirectoryPosition& position) {
  target.setCount(position.count.value);
  target.setHead(data_of(position.head));
}

Result<DirectoryPosition> directory_position_of(format::DirectoryPosition::Reader source) {
  DirectoryPosition position;
  position.count = {source.getCount()};
  KERUEN_TRY(position.head, fixed_of<Digest>(source.getHead(), "directory head"));
  if (position.count.value == 0 && !position.head.is_zero()) {
    return malformed("directory head", "not zeros although the directory is empty");
  }
  return position;
}

Bytes encode_statement(const Statement& statement) {
  FlatWriter writer(80 + words_for(statement.origin.text().size()) +
                    words_for(statement.sender.text().size()));
  auto target = writer.initRoot<format::Statement>();
  target.setOrigin(text_for(statement.origin.text()));
  target.setSender(text_for(statement.sender.text()));
  target.setSigningKey(data_of(statement.signing_key));
  target.setStream(statement.stream.value);
  target.setLane(static_cast<std::uint8_t>(statement.lane));
  target.setSequence(statement.sequence.value);
  target.setPreviousBatch(data_of(statement.previous_batch));
  target.setLeafCount(statement.leaf_count);
  target.setRoot(data_of(statement.root));
  target.setCreatedAt(milliseconds_of(statement.created_at));
  auto seen = target.initCheckpointSeen();
  seen.setSize(statement.checkpoint_seen.size.value);
  seen.setRoot(data_of(statement.checkpoint_seen.root));
  seen.setLogKey(data_of(statement.checkpoint_seen.log_key));
  seen.setLogSignature(data_of(statement.checkpoint_seen.log_signature));
  write_position(target.initDirectory(), statement.directory);
  target.setSalt(data_of(statement.salt));
  return writer.finish();
}

Result<Statement> decode_statement(BytesView bytes) {
  return read_strict<Statement>(bytes, kStatementBytesMax, [](capnp::MessageReader& message) {
    return statement_of(message.getRoot<format::Statement>());
  });
}

}  // namespace keruen::wire
