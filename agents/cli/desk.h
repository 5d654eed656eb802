// An officer's desk: the agent she speaks to, and what its answers look like in words.
// Shape: JSON documents of schemas/api/openapi.yaml in and out.   Threads: one.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "agents/api/client.h"
#include "agents/cli/verbs.h"

namespace keruen::cli {

// Keeps the agent's order of fields, which is the one people read.
using Json = nlohmann::ordered_json;

// malformed: a text in it is not UTF-8. Nothing takes its place: it would be signed.
[[nodiscard]] Result<std::string> text_of_json(const Json& json);

class Desk {
 public:
  // not_found: no agent.toml at --agent (says how to name it). denied: another account's folder
  // (says to name its socket).
  [[nodiscard]] static Result<Desk> open(const Choice& choice);

  [[nodiscard]] api::Client& client() { return *client_; }
  // Its agency, or its socket where nothing else is known of it.
  [[nodiscard]] const std::string& name() const { return name_; }
  // Where the last request failed, if it did.
  [[nodiscard]] During during() const {
    const bool is_heard = client_->answered() && client_->admitted();
    return is_heard ? During::agent_request : During::reaching;
  }
  [[nodiscard]] Result<Json> get(const std::string& target);
  [[nodiscard]] Result<Json> post(const std::string& target, const Json& body);
  // See api::Client::post_once.
  [[nodiscard]] Result<Json> post_once(const std::string& target, const Json& body,
                                       const std::string& idempotency_key);
  // A whole id, or the first or last characters of one. not_found; malformed: several (lists them).
  [[nodiscard]] Result<std::string> resolve(const std::string& id);

 private:
  std::unique_ptr<api::Client> client_;
  std::string name_;
};

[[nodiscard]] std::string draw_idempotency_key();

// A message as people name it; `from` where several agencies used its id.
struct MessageName {
  std::string id;  // as for Desk::resolve
  std::string from;
};
// The target of what stands below a message: "" is the message itself, "/receipts" …
using MessageAddress = std::function<std::string(const std::string& below)>;
[[nodiscard]] Result<MessageAddress> message_address(Desk& desk, const MessageName& name);
void add_sender_option(CLI::App& verb, std::string& from);

// The last eight characters: random, unlike the first, which are the time.
[[nodiscard]] std::string short_id(const std::string& id);
// "24 Nov 05:02" in the local zone of this machine, from RFC 3339.
[[nodiscard]] std::string short_time(const std::string& instant);
// With year and offset: what a notice says must not depend on where it is read.
[[nodiscard]] std::string full_time(const std::string& instant);
// "3 h", "2 days": how long ago or until, in words.
[[nodiscard]] std::string age_words(std::int64_t seconds);
[[nodiscard]] std::int64_t seconds_since(const std::string& instant);
[[nodiscard]] std::string size_words(std::uint64_t bytes);

// A message as an officer reads it.
[[nodiscard]] std::string message_text(const Json& message, const Terminal& terminal);
[[nodiscard]] std::string receipts_text(const Json& recipients, const Terminal& terminal);
// "delivered 05:02, read 05:04 by officer 7, …"
[[nodiscard]] std::string recipient_words(const Json& recipient);
// Texts in a row: "a, b".
[[nodiscard]] std::string joined(const Json& list);
// Of a subject where it has one line.
inline constexpr std::size_t kSubjectColumns = 160;
[[nodiscard]] Tone tone_of_state(const std::string& state);

}  // namespace keruen::cli
