// What a browser or script asks of the API, and what a client is answered: no request, however
// wrong, is the operator's fault, and every refusal says why.
// Shape: a first line "GET TARGET" or "POST TARGET"; the body is the rest.
#include "agents/api/message_json.h"
#include "agents/api/problem.h"
#include "agents/api/routes.h"
#include "tests/fuzz/api_party.h"

namespace {

using namespace keruen;

void check_names(std::string_view target) {
  const auto decoded = api::percent_decoded(target);
  if (!decoded) return;
  const auto again = api::percent_decoded(api::percent_encoded(*decoded));
  ensure(again.has_value() && *again == *decoded, "decoded(encoded(x)) == x");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static ApiParty party;
  static const auto reader = party.open_reader();
  static api::Routes routes(party.engine(), *reader, party.uploads(), party.id());

  const std::string_view input = text_of({data, size});
  const auto line_end = input.find('\n');
  std::string_view line = input.substr(0, line_end);
  const std::string_view body =
      line_end == std::string_view::npos ? std::string_view() : input.substr(line_end + 1);
  (void)api::parse_send(body);
  (void)api::parse_process(body);
  (void)api::error_from_problem(400, std::string(body));

  api::Request request;
  request.officer = {{"7"}, "Officer 7", "liaison", ""};
  request.method = line.starts_with("POST ") ? api::Method::post : api::Method::get;
  line.remove_prefix(std::min(line.size(), line.find(' ') + 1));
  check_names(line);
  request.target = std::string(line);
  const auto plan = routes.plan(request.method, request.target);
  if (!plan || !std::holds_alternative<api::Plain>(*plan)) return 0;
  request.body = std::string(body.substr(0, std::get<api::Plain>(*plan).body_bytes_max));
  const auto response = routes.serve(request);
  ensure(response.status < 500, "what was asked is refused as the caller's fault");
  const auto refused = api::error_from_problem(response.status, response.body);
  ensure(response.status < 400 || refused.code != ErrorCode::io_failed, "a refusal says why");
  return 0;
}
