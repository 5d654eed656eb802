#include "agents/engine/held.h"

namespace keruen::engine {
namespace {

std::string without_full_stop(std::string text) {
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

HeldStatus words_of(Hold hold, const std::string& halted_for) {
  switch (hold) {
    case Hold::halt:
      return {ErrorCode::chain_fork, {}, words_of_halt(halted_for)};
    case Hold::suspension:
      return {ErrorCode::denied,
              {},
              "The exchange authority has suspended this agency: nothing is taken from it and "
              "nothing brought to it. What waits goes out when the authority resumes it."};
    case Hold::registry_missing:
      return {ErrorCode::not_found,
              {},
              "The broker names a newer registry and does not hand it over: no message is sealed "
              "before it is known who takes part. Its operator should know."};
    case Hold::registry_expired:
      return {ErrorCode::expired,
              {},
              "The registry ran out: no message is taken by anybody until the exchange authority "
              "publishes the next."};
    case Hold::no_signing_key:
      return {ErrorCode::expired,
              {},
              "This agency has no signing key in force: start the agent once with the agency's "
              "identity key."};
    case Hold::clock:
      return {ErrorCode::expired,
              {},
              "This machine's clock and the broker's differ: nothing is sealed until one of them "
              "is set right."};
    case Hold::disk_full:
      return {ErrorCode::no_space,
              {},
              "The disk of this agent is full: nothing is sealed until there is room."};
  }
  ensure(false, "a Hold outside its list");
  return {};
}

std::string words_of_put_off(ErrorCode code) {
  const char* why =
      "it has too much to do, or its clock is in doubt, or this agency opened too many streams "
      "today";
  if (code == ErrorCode::no_space) why = "its disk is full, or this agency's share of it";
  if (code == ErrorCode::io_failed || code == ErrorCode::corrupt) {
    why = "it cannot read or write its log";
  }
  return std::string("The broker takes no messages of this agency for the moment: ") + why +
         ". They wait here and go out by themselves; its operator should know.";
}

std::string words_of_fault(ErrorCode code) {
  switch (code) {
    case ErrorCode::duplicate:
      return "the broker serves a newer connection of this agency: a second agent runs on a copy "
             "of this one's folder. Stop one of them, and use only one from now on";
    case ErrorCode::unsupported:
      return "the broker speaks another version of the protocol: bring both to the same version";
    case ErrorCode::chain_fork:
      return "the broker's log is shorter than what this agency has seen of it, or another one: it "
             "may have been put back to an earlier day. Its operator and the exchange authority "
             "must know";
    case ErrorCode::unknown_agency:
      return "the broker does not know this agency's key: the registry it has does not list it, or "
             "not yet. Ask the exchange authority";
    case ErrorCode::denied:
      return "the broker does not let this agency in: its key is revoked or somebody else's. Ask "
             "the exchange authority";
    case ErrorCode::overloaded:
      return "the broker has as many connections as it takes; tried again by itself";
    default:
      return "the broker said " + std::string(name_of(code)) + ": " +
             without_full_stop(std::string(cause_of(code)));
  }
}

std::string words_of_halt(const std::string& halted_for) {
  return halted_for +
         " Nothing more is taken or sent until people have decided; then start the agent once with "
         "--go-on-after-halt.";
}

}  // namespace keruen::engine
