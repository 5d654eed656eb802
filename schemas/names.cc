#include "schemas/names.h"

#include <array>

namespace keruen {
namespace {

constexpr std::array<std::string_view, kMessageKindMax> kKindNames = {
    "notice", "schedule", "evidence", "part", "receipt"};
constexpr std::array<std::string_view, kLaneCount> kLaneNames = {"flash", "urgent", "routine",
                                                                 "bulk"};

template <std::size_t Count>
std::optional<std::size_t> place_of(const std::array<std::string_view, Count>& names,
                                    std::string_view name) {
  for (std::size_t i = 0; i < Count; ++i) {
    if (names[i] == name) return i;
  }
  return std::nullopt;
}

std::string quoted(std::string_view text) {
  // What a peer sent is shown shortened and without control characters.
  std::string shown = "\"";
  for (const char c : text.substr(0, kAgencyIdBytesMax + 1))
    shown.push_back(c >= 0x20 && c < 0x7f ? c : '?');
  return shown + (text.size() > kAgencyIdBytesMax + 1 ? "…\"" : "\"");
}

bool is_label_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

}  // namespace

std::optional<std::string> fault_of_label(std::string_view text) {
  if (text.empty()) return "an empty label: write at least one of a-z, 0-9";
  if (text.size() > kAgencyIdBytesMax) {
    return quoted(text) + " is longer than " + std::to_string(kAgencyIdBytesMax) + " characters";
  }
  for (const char c : text) {
    if (!is_label_character(c)) return quoted(text) + " may hold only a-z, 0-9 and -";
  }
  if (text.front() == '-' || text.back() == '-') {
    return quoted(text) + " must begin and end with one of a-z, 0-9";
  }
  return std::nullopt;
}

std::optional<std::string> fault_of_dotted_id(std::string_view text) {
  if (text.size() > kAgencyIdBytesMax) {
    return quoted(text) + " is longer than " + std::to_string(kAgencyIdBytesMax) + " characters";
  }
  if (text.find('.') == std::string_view::npos) {
    return quoted(text) + " is not an id: write two or more labels joined by dots, like kz.customs";
  }
  for (std::string_view rest = text;;) {
    const auto dot = rest.find('.');
    if (fault_of_label(rest.substr(0, dot))) {
      return quoted(text) +
             " is not an id: each label between dots is a-z, 0-9 and inner -, like kz.customs";
    }
    if (dot == std::string_view::npos) return std::nullopt;
    rest.remove_prefix(dot + 1);
  }
}

std::optional<std::string> fault_of_endpoint(std::string_view text) {
  constexpr std::string_view kScheme = "tcp://";
  const auto fault = [&] {
    return quoted(text) + " is not an endpoint: write tcp://host:port, like tcp://127.0.0.1:7400";
  };
  if (text.size() > kEndpointBytesMax || !text.starts_with(kScheme)) return fault();
  const std::string_view address = text.substr(kScheme.size());
  const auto colon = address.rfind(':');
  if (colon == 0 || colon == std::string_view::npos) return fault();
  const std::string_view host = address.substr(0, colon);
  const bool is_bracketed = host.front() == '[' && host.back() == ']' && host.size() > 2;
  for (const char c : is_bracketed ? host.substr(1, host.size() - 2) : host) {
    const bool is_in_name = is_label_character(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_';
    if (!is_in_name && !(is_bracketed ? c == ':' || c == '%' : host == "*")) return fault();
  }
  const std::string_view port = address.substr(colon + 1);
  if (port == "*") return std::nullopt;
  unsigned number = 0;
  for (const char c : port) {
    if (c < '0' || c > '9' || port.size() > 5) return fault();
    number = number * 10 + static_cast<unsigned>(c - '0');
  }
  return port.empty() || number > 65535 ? std::optional(fault()) : std::nullopt;
}

std::optional<std::string> fault_of_origin(std::string_view text) {
  if (text.empty() || text.size() > kOriginBytesMax) {
    return "an origin has 1 to " + std::to_string(kOriginBytesMax) +
           " characters, like kz.exchange";
  }
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7f || c == '+') {
      return quoted(text) +
             " is not an origin: only visible ASCII without + and spaces, like kz.exchange";
    }
  }
  return std::nullopt;
}

std::string_view name_of(MessageKind kind) {
  return kKindNames[static_cast<std::size_t>(kind) - 1];
}
std::string_view name_of(Lane lane) { return kLaneNames[static_cast<std::size_t>(lane)]; }

std::optional<MessageKind> message_kind_named(std::string_view name) {
  const auto place = place_of(kKindNames, name);
  return place ? message_kind_numbered(*place + 1) : std::nullopt;
}
std::optional<MessageKind> message_kind_numbered(std::uint64_t number) {
  if (number < 1 || number > kMessageKindMax) return std::nullopt;
  return static_cast<MessageKind>(number);
}
std::optional<Lane> lane_named(std::string_view name) {
  const auto place = place_of(kLaneNames, name);
  return place ? lane_numbered(*place) : std::nullopt;
}
std::optional<Lane> lane_numbered(std::uint64_t number) {
  if (number >= kLaneCount) return std::nullopt;
  return static_cast<Lane>(number);
}

std::string to_text(const MessageId& id) {
  std::string text = id.hex();
  for (const std::size_t place : {20u, 16u, 12u, 8u}) text.insert(place, 1, '-');
  return text;
}

std::optional<MessageId> message_id_from_text(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash_place = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash_place != (text[i] == '-')) return std::nullopt;
    if (!dash_place) digits.push_back(text[i]);
  }
  return MessageId::from_hex(digits);
}

}  // namespace keruen
