#include <array>

#include "agents/store/views.h"

namespace keruen::store {
namespace {

constexpr std::array<std::string_view, 11> kRecipientStates = {
    "queued",    "waiting_for_key", "sealed",        "accepted", "delivered", "read",
    "processed", "refused",         "undeliverable", "expired",  "recalled"};
constexpr std::array<std::string_view, 4> kReadStates = {"unread", "read", "processed", "recalled"};
constexpr std::array<std::string_view, 15> kEventTypes = {
    "submitted", "sealed",   "accepted", "refused", "delivered", "undeliverable",       "read",
    "processed", "recalled", "expired",  "arrived", "stub",      "attachment_complete", "warning",
    "link"};

template <std::size_t Size, class Enumeration>
std::string_view named(const std::array<std::string_view, Size>& names, Enumeration value) {
  const auto number = static_cast<std::size_t>(value);
  return number >= 1 && number <= Size ? names[number - 1] : "unknown";
}

}  // namespace

std::string_view name_of(RecipientState state) { return named(kRecipientStates, state); }
std::string_view name_of(ReadState state) { return named(kReadStates, state); }
std::string_view name_of(EventType type) { return named(kEventTypes, type); }

}  // namespace keruen::store
