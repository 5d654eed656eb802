#include "tests/checker/history_file.h"

#include <nlohmann/json.hpp>

namespace keruen::checker {
namespace {

using nlohmann::json;

json to_json(const SendInvoked& record) {
  json line{{"event", "invoke"},
            {"value", record.value},
            {"to", record.to},
            {"lane", record.lane},
            {"text", record.content}};
  if (record.lives) line["lives"] = *record.lives;
  return line;
}
json to_json(const SendEnded& record) {
  return {{"event", name_of(record.how)}, {"value", record.value}};
}
json to_json(const Received& record) {
  return {{"event", "receive"},  {"value", record.value},  {"from", record.from},
          {"lane", record.lane}, {"text", record.content}, {"late", record.late}};
}
json to_json(const OutcomeSeen& record) {
  return {{"event", "outcome"},
          {"value", record.value},
          {"recipient", record.recipient},
          {"outcome", name_of(record.outcome)}};
}
json to_json(const Restarted&) { return {{"event", "restart"}}; }
json to_json(const Restored& record) {
  return {{"event", "restored"}, {"records", record.records}};
}
json to_json(const AbsenceNamed& record) { return {{"event", "named"}, {"words", record.words}}; }
json to_json(const Ended& record) {
  return {{"event", "end"}, {"healed", record.healed}, {"drained", record.drained}};
}

Content content_of(const json& line) {
  // Told apart, so that a text never equals the digest of another.
  if (line.contains("digest")) return "sha256:" + line.at("digest").get<std::string>();
  return line.at("text").get<std::string>();
}

// Nothing: there is no such event or outcome.
std::optional<decltype(Record::what)> what_of(const json& line) {
  const auto event = line.at("event").get<std::string>();
  if (event == "invoke") {
    SendInvoked sent{line.at("value"), line.at("to"), line.at("lane"), content_of(line), {}};
    if (line.contains("lives")) sent.lives = line.at("lives").get<std::uint64_t>();
    return sent;
  }
  if (const auto how = how_ended_named(event)) return SendEnded{line.at("value"), *how};
  if (event == "receive") {
    return Received{line.at("value"), line.at("from"), line.at("lane"), content_of(line),
                    line.value("late", false)};
  }
  if (event == "outcome") {
    const auto outcome = outcome_named(line.at("outcome").get<std::string>());
    if (outcome) return OutcomeSeen{line.at("value"), line.at("recipient"), *outcome};
  }
  if (event == "restart") return Restarted{};
  if (event == "restored") return Restored{line.at("records").get<std::uint64_t>()};
  if (event == "named") return AbsenceNamed{line.at("words")};
  if (event == "end") return Ended{line.at("healed"), line.at("drained")};
  return std::nullopt;
}

Result<void> take_line(History& history, std::string_view text, std::size_t number) {
  try {
    const json line = json::parse(text);
    if (number == 1) {
      if (line.at("event") != "begin") {
        return fail(ErrorCode::malformed, "line 1: a history begins with its process");
      }
      history.process = line.at("process").get<std::string>();
      return {};
    }
    auto what = what_of(line);
    if (!what) {
      return fail(ErrorCode::malformed,
                  "line " + std::to_string(number) + ": no such event or outcome");
    }
    history.records.push_back({line.value("at", std::uint64_t{0}), std::move(*what)});
    return {};
  } catch (const json::exception& thrown) {
    return fail(ErrorCode::malformed, "line " + std::to_string(number) + ": " + thrown.what());
  }
}

}  // namespace

std::string encode_begin(std::string_view process) {
  return json{{"event", "begin"}, {"process", process}}.dump();
}

std::string encode(const Record& record) {
  json line = std::visit([](const auto& what) { return to_json(what); }, record.what);
  line["at"] = record.at;
  // What was received need not be UTF-8 where somebody altered it.
  return line.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string encode(const History& history) {
  std::string text = encode_begin(history.process) + "\n";
  for (const Record& record : history.records) text += encode(record) + "\n";
  return text;
}

Result<History> decode_history(std::string_view text) {
  History history;
  std::size_t number = 0;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    KERUEN_CHECK(take_line(history, text.substr(0, end), ++number));
    text.remove_prefix(end + 1);
  }
  if (number == 0) return fail(ErrorCode::malformed, "an empty file: no process wrote it");
  return history;
}

}  // namespace keruen::checker
