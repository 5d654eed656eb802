#include "tests/checker/history.h"

namespace keruen::checker {

std::string_view name_of(HowEnded how) {
  switch (how) {
    case HowEnded::ok:
      return "ok";
    case HowEnded::failed:
      return "fail";
    case HowEnded::unknown:
      return "unknown";
  }
  return "unknown";
}

std::optional<HowEnded> how_ended_named(std::string_view name) {
  for (const auto how : {HowEnded::ok, HowEnded::failed, HowEnded::unknown}) {
    if (name == name_of(how)) return how;
  }
  return std::nullopt;
}

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::delivered:
      return "delivered";
    case Outcome::refused:
      return "refused";
    case Outcome::undeliverable:
      return "undeliverable";
    case Outcome::expired:
      return "expired";
    case Outcome::recalled:
      return "recalled";
    case Outcome::disregarded:
      return "disregarded";
  }
  return "refused";
}

std::optional<Outcome> outcome_named(std::string_view name) {
  for (const auto outcome : {Outcome::delivered, Outcome::refused, Outcome::undeliverable,
                             Outcome::expired, Outcome::recalled, Outcome::disregarded}) {
    if (name == name_of(outcome)) return outcome;
  }
  return std::nullopt;
}

}  // namespace keruen::checker
