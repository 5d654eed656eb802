// The files that pass between an authority and the agencies, and the authority's own: whatever is
// accepted can be written, and is accepted as the same again.
#include "agents/authority/invitation.h"
#include "agents/authority/request.h"
#include "agents/authority/state.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace keruen;
  const std::string_view text = text_of({data, size});
  if (const auto checked = authority::decode_request(text, "x.request")) {
    const auto again =
        authority::decode_request(authority::encode_request(checked->request), "x.request");
    ensure(again.has_value() && again->request == checked->request, "a request is read as written");
  }
  if (const auto invitation = authority::decode_invitation(text, "x.invitation")) {
    const auto again =
        authority::decode_invitation(authority::encode_invitation(*invitation), "x.invitation");
    ensure(again.has_value() && *again == *invitation, "an invitation is read as written");
  }
  if (const auto state = authority::decode_state(text, "x.state")) {
    const auto again = authority::decode_state(authority::encode_state(*state), "x.state");
    ensure(again.has_value() && *again == *state, "a state is read as written");
  }
  return 0;
}
