// A note that verifies begins with the one text its checkpoint has, and the log's own note for it
// verifies to the same.
#include <cstddef>
#include <cstdint>

#include "certs/checkpoint.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  static const auto key = certs::SigningKeyPair::from_seed(Bytes(32, 9));
  static const auto origin = Origin::parse("keruen.example/kz");
  const auto note = text_of({data, size});
  const auto verified = certs::verify_checkpoint(note, *origin, {key->public_key()});
  if (!verified) return 0;
  const std::string text = certs::encode_checkpoint(verified->checkpoint);
  ensure(note.starts_with(text + "\n"), "a checkpoint has one spelling");
  const auto own = certs::sign_checkpoint(verified->checkpoint, *key);
  const auto again = certs::verify_checkpoint(own.note, *origin, {key->public_key()});
  ensure(again.has_value() && *again == own && own.signature == verified->signature,
         "the log's own note of the same checkpoint verifies");
  return 0;
}
