// Reads an agent's store beside its one writer: its own read-only connection.
// Threads: one reader per thread.   Lifetime: closes with it; the store file outlives it.
//
// Sees whole transactions only. Every list is bounded; opening content happens here, by the message
// keys sealed in the store.
#pragma once

#include <functional>
#include <memory>

#include "agents/store/views.h"
#include "certs/secret.h"

namespace keruen::store {

enum class Folder : std::uint8_t { inbox = 1, sent = 2 };

struct ListQuery {
  Folder folder = Folder::inbox;
  std::optional<MessageId> before;  // paging: newest first, after this one
  std::size_t most = 50;            // ≤ 500
  std::optional<ReadState> state;
  std::optional<MessageKind> kind;
  std::optional<AgencyId> before_from = {};  // whose `before` is; as for Reader::message
};

class Reader {
 public:
  // Called before each reading, on the reader's thread: has the writer publish what is durable and
  // not in the file yet (Store::publish). Empty, or failed on a full disk: what is in the file is
  // read.
  using Publish = std::function<Result<void>()>;
  // denied: another store key. not_found: no store at this path.
  [[nodiscard]] static Result<std::unique_ptr<Reader>> open(const std::string& path,
                                                            const certs::SecretBytes& store_key,
                                                            Publish publish = {});
  ~Reader();

  // Parts and receipts are not listed; newest first. As many as asked for, or fewer where they
  // have very many recipients together.
  [[nodiscard]] Result<Page> list(const ListQuery& query);
  // Sent or inbox, or the one from this agency; not_found. Ids are their senders' choice, and seen
  // by all who get the message; malformed: several agencies used one, we among them perhaps, and
  // `from` does not say whose is meant.
  [[nodiscard]] Result<Message> message(const MessageId& id,
                                        const std::optional<AgencyId>& from = {});
  // Its content alone, for whoever looks through many.
  [[nodiscard]] Result<content::Content> content(const MessageId& id, const AgencyId& from);
  // Ids that begin or end so, at most ten, inbox and sent: people type the last few characters, the
  // random ones.
  [[nodiscard]] Result<std::vector<MessageId>> ids_like(std::string_view text);
  // The message last sent under a key of SentOnce; not_found: none, or its content is gone.
  // no_space: a later one may be there that a full disk keeps from being read.
  [[nodiscard]] Result<Message> sent_once(const std::string& key);
  [[nodiscard]] Result<std::vector<RecipientStatus>> receipts(const MessageId& id);
  // Streams an attachment piece by piece, in order; corrupt: its digest is another; not_found: no
  // such name, or parts still missing (says how many).
  using Sink = std::function<Result<void>(BytesView piece)>;
  [[nodiscard]] Result<AttachmentStatus> attachment(const MessageId& id, const std::string& name,
                                                    const Sink& sink,
                                                    const std::optional<AgencyId>& from = {});
  // Up to `last`: the newest that is on the disk (EngineThread::newest_event). A later one may be
  // here already, and after a power cut its number may become another's.
  [[nodiscard]] Result<std::vector<Event>> events_after(std::uint64_t number, std::uint64_t last,
                                                        std::size_t most);

 private:
  struct State;
  explicit Reader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace keruen::store
