#include <CLI/CLI.hpp>

#include "agents/cli/desk.h"

namespace keruen::cli {
namespace {

constexpr std::int64_t kClockAheadMilliseconds = 60'000;
constexpr std::int64_t kKeySoonSeconds = 14 * 86400;

struct Words {
  std::string text;
  bool problem = false;

  void add(const Terminal& terminal, Tone tone, const std::string& line) {
    if (tone == Tone::bad || tone == Tone::warning) problem = true;
    text += terminal.paint(tone, line) + "\n";
  }
};

void add_link(Words& words, const Json& status, const Terminal& terminal) {
  const Json& link = status["link"];
  const std::string since = link["since"].get<std::string>();
  if (link["connected"].get<bool>()) {
    words.add(terminal, Tone::good, "Link up since " + short_time(since) + ".");
  } else {
    std::string line =
        "Link down since " + short_time(since) + " (" + age_words(seconds_since(since)) + ")";
    if (link.contains("fault")) line += ": " + link["fault"].get<std::string>();
    words.add(terminal, Tone::bad, line + ".");
  }
  if (!link.contains("clock_ahead_milliseconds")) return;
  const auto ahead = link["clock_ahead_milliseconds"].get<std::int64_t>();
  if (std::abs(ahead) < kClockAheadMilliseconds) {
    words.add(terminal, Tone::plain, "Clock agrees with the broker's.");
  } else {
    words.add(terminal, Tone::bad,
              "Clock is " + age_words(ahead / 1000) + (ahead > 0 ? " ahead of" : " behind") +
                  " the broker's: set it, or messages will be refused.");
  }
}

void add_keys(Words& words, const Json& status, const Terminal& terminal) {
  // The last of each kind is what matters: it decides when things stop.
  std::map<std::string, std::string> last;
  for (const auto& key : status["keys"]) {
    auto& until = last[key["kind"].get<std::string>()];
    until = std::max(until, key["valid_until"].get<std::string>());
  }
  for (const auto& [kind, until] : last) {
    const std::int64_t left = -seconds_since(until);
    const std::string what = kind == "registry"      ? "Registry"
                             : kind == "certificate" ? "Certificate"
                                                     : "Last " + kind + " key";
    if (left < 0) {
      const std::string remedy =
          kind == "registry" || kind == "certificate" ? "ask the exchange authority."
          : kind == "signing" ? "start the agent with the agency's identity key."
                              : "the agent makes the next once it is connected.";
      words.add(terminal, Tone::bad, what + " ran out " + age_words(left) + " ago: " + remedy);
    } else {
      const bool soon = left < kKeySoonSeconds && kind != "prekey";
      words.add(terminal, soon ? Tone::warning : Tone::plain,
                what + " is valid for " + age_words(left) + ".");
    }
  }
}

ExitCode print_status(const Choice& choice) {
  auto desk = Desk::open(choice);
  if (!desk) return choice.explain(desk.error(), During::local_work);
  const auto status = desk->get("/v1/status");
  if (!status) return choice.explain(status.error(), desk->during());
  const Terminal& terminal = choice.terminal;
  Words words;
  words.add(
      terminal, Tone::strong,
      (*status)["agency"].get<std::string>() + " at " + (*status)["origin"].get<std::string>());
  add_link(words, *status, terminal);
  const Json& waiting = (*status)["waiting"];
  const auto count = waiting["messages"].get<std::uint64_t>();
  const auto unaccepted = waiting["unaccepted_batches"].get<std::uint64_t>();
  const auto parts = waiting["parts"].get<std::uint64_t>();
  if (count == 0 && parts == 0 && unaccepted == 0) {
    words.add(terminal, Tone::plain, "Nothing waits to be sent.");
  } else {
    std::string line = std::to_string(count) + " messages wait to be sent";
    if (parts > 0) line += " and " + std::to_string(parts) + " parts of files";
    if (unaccepted > 0) {
      line += ", " + std::to_string(unaccepted) + " batches wait for the broker's word";
    }
    if (waiting.contains("oldest")) {
      line += "; the oldest for " + age_words(seconds_since(waiting["oldest"].get<std::string>()));
    }
    words.add(terminal, Tone::plain, line + ".");
  }
  if (waiting.contains("held")) {
    const Json& held = waiting["held"];
    std::string line = held["why"].get<std::string>();
    if (held.contains("since")) {
      line += " For " + age_words(seconds_since(held["since"].get<std::string>())) + " now.";
    }
    words.add(terminal, Tone::bad, printable(line, LineEnds::fold));
  }
  if (const auto for_key = waiting["for_key"].get<std::uint64_t>(); for_key > 0) {
    words.add(
        terminal, Tone::warning,
        std::to_string(for_key) +
            " wait for a recipient's key: its agent was never connected, or not for weeks, or "
            "it is suspended.");
  }
  words.add(terminal, Tone::plain,
            std::to_string((*status)["unread_messages"].get<std::uint64_t>()) + " unread.");
  add_keys(words, *status, terminal);
  std::string store = "Store " + size_words((*status)["store_bytes"].get<std::uint64_t>()) +
                      ", disk free " +
                      size_words((*status)["disk_free_bytes"].get<std::uint64_t>()) + ".";
  if (status->contains("keep_days")) {
    store += " Messages older than " + std::to_string((*status)["keep_days"].get<std::uint64_t>()) +
             " days are forgotten.";
  }
  words.add(terminal, Tone::plain, store);
  if (status->contains("forwarder")) {
    for (const auto& fault : (*status)["forwarder"]["faults"]) {
      words.add(terminal, Tone::bad,
                "Courses wait: " + printable(fault.get<std::string>(), LineEnds::fold));
    }
  }
  for (const auto& warning : (*status)["warnings"]) {
    words.add(terminal, Tone::bad, printable(warning.get<std::string>(), LineEnds::fold));
  }
  terminal.print(choice.json ? status->dump() + "\n" : words.text);
  return words.problem ? ExitCode::check_found_problems : ExitCode::ok;
}

std::string event_words(const Json& event) {
  const std::string type = event.value("type", std::string());
  const std::string agency = event.value("agency", std::string());
  std::string words = short_time(event.value("at", std::string())) + "  ";
  if (type == "arrived") {
    words += event.value("kind", std::string("message")) + " from " + agency;
  } else if (type == "link" || type == "warning" || type == "stub") {
    words += event.value("text", std::string());
  } else {
    words += type + (agency.empty() ? "" : ", " + agency);
  }
  if (event.contains("message")) words += "  " + short_id(event["message"].get<std::string>());
  if (event.contains("code")) words += "  (" + event["code"].get<std::string>() + ")";
  return printable(words, LineEnds::fold);
}

ExitCode watch(const Choice& choice, std::optional<std::uint64_t> after) {
  auto desk = Desk::open(choice);
  if (!desk) return choice.explain(desk.error(), During::local_work);
  choice.terminal.say("Watching " + desk->name() + "; Ctrl+C ends it.");
  const auto ended = desk->client().events(after, [&](const std::string& line) {
    const auto event = Json::parse(line, nullptr, false);
    if (event.is_discarded()) return true;
    choice.terminal.print((choice.json ? event.dump() : event_words(event)) + "\n");
    return choice.terminal.can_print();
  });
  return ended ? ExitCode::ok : choice.explain(ended.error(), desk->during());
}

ExitCode agencies(const Choice& choice) {
  auto desk = Desk::open(choice);
  if (!desk) return choice.explain(desk.error(), During::local_work);
  const auto book = desk->get("/v1/agencies");
  if (!book) return choice.explain(book.error(), desk->during());
  if (choice.json) {
    choice.terminal.print(book->dump() + "\n");
    return ExitCode::ok;
  }
  Table table({"AGENCY", "YOU MAY SEND", "NAME"});
  for (const auto& agency : (*book)["agencies"]) {
    std::string kinds;
    for (const auto& kind : agency["may_send"]) {
      kinds += (kinds.empty() ? "" : ", ") + kind.get<std::string>();
    }
    if (agency["status"] == "suspended") kinds = "suspended";
    const auto& names = agency["names"];
    const std::string name = names.contains("en") ? names["en"].get<std::string>()
                             : names.empty()      ? ""
                                                  : names.begin()->get<std::string>();
    table.add({{agency["id"].get<std::string>()}, {kinds.empty() ? "-" : kinds}, {name}});
  }
  for (const auto& group : (*book)["groups"]) {
    table.add({{group["id"].get<std::string>()},
               {"group"},
               {std::to_string(group["members"].size()) + " agencies"}});
  }
  choice.terminal.print(table.render(choice.terminal));
  return ExitCode::ok;
}

}  // namespace

void add_status_verbs(CLI::App& app, Choice& choice) {
  CLI::App* status = app.add_subcommand(
      "status", "How your agent stands, in words; exit code 3 when something needs attention");
  status->footer(with_example("keruen --agent customs status", ""));
  status->callback([&choice] { choice.run = [&choice] { return print_status(choice); }; });

  CLI::App* watching = app.add_subcommand("watch", "What happens, as it happens");
  watching->footer(with_example("keruen --agent customs watch", ""));
  auto after = std::make_shared<std::optional<std::uint64_t>>();
  watching->add_option("--after", *after, "begin after this event number; else from now on");
  watching->callback(
      [&choice, after] { choice.run = [&choice, after] { return watch(choice, *after); }; });

  CLI::App* book = app.add_subcommand("agencies", "Who can be written to");
  book->footer(with_example("keruen --agent customs agencies", ""));
  book->callback([&choice] { choice.run = [&choice] { return agencies(choice); }; });
}

}  // namespace keruen::cli
