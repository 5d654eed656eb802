// Messages and receipts as an officer reads them on a terminal.
#include <algorithm>

#include "agents/cli/desk.h"
#include "schemas/content/instant.h"

namespace keruen::cli {
namespace {

std::string text_at(const Json& json, const char* name) {
  const auto found = json.find(name);
  if (found == json.end() || !found->is_string()) return "";
  return printable(found->get<std::string>(), LineEnds::fold);
}

// Field names in snake_case read well enough once the underscores go.
std::string words_of(std::string name) {
  std::ranges::replace(name, '_', ' ');
  return name;
}

std::string scalar_words(const Json& value) {
  if (!value.is_string()) return value.dump();
  const auto& text = value.get_ref<const std::string&>();
  if (content::instant_from_text(text)) return full_time(text);
  return printable(text, LineEnds::keep);
}

// "name: value", or the value below its name where it takes several lines. None of them begins
// where a name does: what others write must not look like what the agent says of it.
void add_field(std::string& text, const std::string& name, const std::string& value,
               std::size_t indent, const Terminal& terminal) {
  constexpr std::size_t kStep = 2;
  const std::string margin(indent, ' ');
  const std::string label = name + ":";
  text += margin + terminal.paint(Tone::quiet, label);
  const auto fits = [&](const std::string& line) {
    return indent + width_of(label) + 1 + width_of(line) <= terminal.text_columns();
  };
  if (value.find('\n') == std::string::npos && fits(value)) {
    text += (value.empty() ? "" : " ") + value + "\n";
    return;
  }
  text += "\n";
  const std::size_t before = indent + kStep;
  const std::size_t room = terminal.text_columns() > before ? terminal.text_columns() - before : 1;
  for (const std::string& line : wrapped(value, room)) {
    text += line.empty() ? "\n" : std::string(before, ' ') + line + "\n";
  }
}

// Any JSON value as indented lines "name: value"; lists of scalars on one line.
void add_lines(std::string& text, const std::string& name, const Json& value, std::size_t indent,
               const Terminal& terminal) {
  if (value.is_object()) {
    text += std::string(indent, ' ') + terminal.paint(Tone::quiet, words_of(name) + ":") + "\n";
    for (const auto& [inner, part] : value.items()) {
      add_lines(text, inner, part, indent + 2, terminal);
    }
    return;
  }
  if (value.is_array()) {
    if (std::ranges::none_of(value, [](const Json& each) { return each.is_structured(); })) {
      std::string joined;
      for (const auto& each : value) joined += (joined.empty() ? "" : ", ") + scalar_words(each);
      add_field(text, words_of(name), joined, indent, terminal);
      return;
    }
    for (std::size_t i = 0; i < value.size(); ++i) {
      add_lines(text, name + " " + std::to_string(i + 1), value[i], indent, terminal);
    }
    return;
  }
  add_field(text, words_of(name), scalar_words(value), indent, terminal);
}

// What became of a message and what its sender does next: the remedies of the codes themselves
// speak to whoever holds the bytes.
std::string fate_words(const std::string& state, ErrorCode code) {
  if (state == "refused") {
    switch (code) {
      case ErrorCode::denied:
        return "no rule allows this, or the agency is suspended; ask the exchange authority";
      case ErrorCode::unknown_agency:
        return "the registry no longer lists this agency; ask the exchange authority";
      case ErrorCode::expired:
        return "it came to the broker too late, or while the registry had run out; send it again";
      case ErrorCode::not_found:
        return "this agency's keys changed while it was on its way; send it again";
      default:
        break;
    }
  }
  if (state == "undeliverable") {
    switch (code) {
      case ErrorCode::unsupported:
        return "this agency's agent does not know such messages and must be updated";
      case ErrorCode::not_found:
        return "this agency no longer has the key it was sealed to; send it again";
      case ErrorCode::denied:
        return "this agency may not take it by the rules it knows; ask the exchange authority";
      default:
        return "it arrived, and could not be opened there; send it again, and tell this agency";
    }
  }
  if (state == "expired") {
    return "its time passed before anybody said that it arrived; send it again if it still matters";
  }
  return std::string(cause_of(code));
}

// What became of the files that went with it.
std::string file_words(const Json& parts) {
  const auto all = parts["all"].get<std::uint64_t>();
  const auto delivered = parts["delivered"].get<std::uint64_t>();
  if (const auto lost = parts["lost"].get<std::uint64_t>(); lost > 0) {
    return std::to_string(lost) + " of " + std::to_string(all) +
           " parts of its files did not arrive; send it again";
  }
  if (delivered == all) return "its files arrived";
  return "its files: " + std::to_string(delivered * 100 / all) + " % arrived";
}

}  // namespace

std::string joined(const Json& list) {
  std::string text;
  for (const auto& each : list) text += (text.empty() ? "" : ", ") + each.get<std::string>();
  return text;
}

Tone tone_of_state(const std::string& state) {
  if (state == "processed" || state == "read" || state == "delivered") return Tone::good;
  if (state == "refused" || state == "undeliverable" || state == "expired") return Tone::bad;
  if (state == "waiting_for_key" || state == "recalled") return Tone::warning;
  return Tone::plain;
}

std::string recipient_words(const Json& recipient) {
  std::string words;
  const auto add = [&](const char* what, const char* when) {
    if (!recipient.contains(when)) return;
    words += (words.empty() ? "" : ", ") + std::string(what) + " " +
             short_time(recipient[when].get<std::string>());
  };
  add("accepted", "accepted_at");
  add("delivered", "delivered_at");
  add("read", "read_at");
  if (recipient.contains("read_by")) words += " by " + text_at(recipient["read_by"], "id");
  add("processed", "processed_at");
  if (recipient.contains("processed_by")) {
    words += " by " + text_at(recipient["processed_by"], "id");
  }
  if (recipient.contains("result")) words += ": " + text_at(recipient, "result");
  if (recipient.contains("note")) words += " (" + text_at(recipient, "note") + ")";
  if (recipient.contains("parts")) {
    words += (words.empty() ? "" : "; ") + file_words(recipient["parts"]);
  }
  if (recipient.contains("code")) {
    const auto code = error_code_named(text_at(recipient, "code"));
    if (code) {
      words += (words.empty() ? "" : "; ") + fate_words(text_at(recipient, "state"), *code);
    }
  }
  return words;
}

std::string receipts_text(const Json& recipients, const Terminal& terminal) {
  Table table({"RECIPIENT", "STATE", "WHEN"});
  for (const auto& recipient : recipients) {
    const std::string state = text_at(recipient, "state");
    table.add({{text_at(recipient, "recipient")},
               {words_of(state), tone_of_state(state)},
               {recipient_words(recipient)}});
  }
  return table.render(terminal);
}

std::string message_text(const Json& message, const Terminal& terminal) {
  const Json& summary = message["summary"];
  const std::string subject = text_at(summary, "subject");
  const std::size_t subject_room = std::min(terminal.text_columns(), kSubjectColumns);
  std::string text = terminal.paint(Tone::strong, cut_to(subject, subject_room)) + "\n";
  const auto line = [&](const char* label, const std::string& value) {
    if (!value.empty()) add_field(text, label, value, 0, terminal);
  };
  line("from", text_at(summary, "from"));
  line("to", joined(summary["to"]));
  line("kind", text_at(summary, "kind") + ", " + text_at(summary, "lane"));
  line("handling", text_at(summary, "handling"));
  line("sent", short_time(text_at(summary, "created_at")) + ", valid until " +
                   short_time(text_at(summary, "expires_at")));
  if (summary.contains("arrived_at")) {
    line("arrived", short_time(text_at(summary, "arrived_at")) +
                        (summary.value("late", false) ? ", after it had expired" : "") +
                        "; signature verified, key " +
                        text_at(message, "signing_key").substr(0, 8) + ", log entry " +
                        scalar_words(message["log_index"]));
    line("state", text_at(summary, "state"));
  }
  line("id", text_at(summary, "id"));
  text += "\n";
  // What happened first, then what is said about it.
  const Json& content = message["content"];
  // One that is longer than a line stands whole here.
  if (width_of(subject) > subject_room) line("subject", subject);
  for (const auto& [name, value] : content.items()) {
    if (name == "header" || !value.is_object()) continue;
    for (const auto& [field, inner] : value.items()) add_lines(text, field, inner, 0, terminal);
  }
  if (content.contains("header")) {
    text += "\n";
    for (const auto& [field, inner] : content["header"].items()) {
      if (field != "subject" && field != "handling") add_lines(text, field, inner, 0, terminal);
    }
  }
  for (const auto& attachment : message["attachments"]) {
    const auto parts = attachment["parts"].get<std::uint64_t>();
    const auto here = attachment["parts_here"].get<std::uint64_t>();
    std::string words = text_at(attachment, "name") + ", " + text_at(attachment, "media_type") +
                        ", " + size_words(attachment["bytes"].get<std::uint64_t>());
    if (here < parts && seconds_since(text_at(summary, "expires_at")) > 0) {
      words += ", incomplete: " + std::to_string(parts - here) + " of " + std::to_string(parts) +
               " parts did not come in time; ask " + text_at(summary, "from") + " to send it again";
    } else if (here < parts) {
      words += ", arriving: " + std::to_string(here * 100 / parts) + " %";
    }
    line("attachment", words);
  }
  if (summary.contains("recipients")) {
    text += "\n" + receipts_text(summary["recipients"], terminal);
  }
  return text;
}

}  // namespace keruen::cli
