// The agent's own keys, sealed under the store key; a destroyed one is in none of its files.
#include "agents/store/store_state.h"

namespace keruen::store {

Result<std::vector<OwnKey>> Store::own_keys() {
  return state_->look<std::vector<OwnKey>>("reading keys", [&]() -> Result<std::vector<OwnKey>> {
    std::vector<OwnKey> keys;
    auto query = state_->connection.query(
        "SELECT kind, id, secret, record, valid_from, valid_until FROM own_key "
        "ORDER BY kind, valid_from");
    while (query.row()) {
      OwnKey key;
      key.kind = query.enumerator<OwnKeyKind>(0);
      key.id = query.fixed<KeyId>(1);
      KERUEN_TRY(Bytes secret,
                 state_->rows.open("own key " + key.id.hex(), static_cast<std::uint64_t>(key.kind),
                                   query.bytes(2)));
      key.secret = certs::SecretBytes(secret);
      certs::wipe(secret);
      key.record = copy_of(query.bytes(3));
      key.valid_from = query.time(4);
      key.valid_until = query.time(5);
      keys.push_back(std::move(key));
    }
    return keys;
  });
}

Result<void> Store::save_keys(const std::vector<OwnKey>& keys) {
  return state_->transact<void>("storing keys", [&]() -> Result<void> {
    // A key that is destroyed later must not stand there.
    state_->redo.give_up();
    for (const auto& key : keys) {
      const Bytes secret = state_->rows.seal(
          "own key " + key.id.hex(), static_cast<std::uint64_t>(key.kind), key.secret.view());
      state_->connection
          .query(
              "INSERT OR REPLACE INTO own_key(kind, id, secret, record, valid_from, "
              "valid_until) VALUES(?, ?, ?, ?, ?, ?)")
          .with(key.kind)
          .with(key.id)
          .with(BytesView(secret))
          .with(BytesView(key.record))
          .with(key.valid_from)
          .with(key.valid_until)
          .run();
    }
    return {};
  });
}

Result<void> Store::destroy_key(OwnKeyKind kind, const KeyId& id) {
  return state_->transact<void>("destroying a key", [&]() -> Result<void> {
    state_->redo.give_up();
    state_->connection.query("DELETE FROM own_key WHERE kind = ? AND id = ?")
        .with(kind)
        .with(id)
        .run();
    // Older images of its page stand in the write-ahead log.
    state_->empties_log = true;
    return {};
  });
}

}  // namespace keruen::store
