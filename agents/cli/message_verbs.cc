#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <random>

#include "agents/api/routes.h"
#include "agents/cli/desk.h"
#include "schemas/host/posix_disk.h"

namespace keruen::cli {
namespace {

// What a verb may be about: any message, or only our own.
enum class Folders : std::uint8_t { any, sent };

struct ListOptions {
  std::size_t most = 20;
  std::string before;
  std::string before_from;
  std::string state;
  std::string kind;
};

Result<std::string> target_of(Desk& desk, const char* folder, const ListOptions& options) {
  std::string target =
      std::string("/v1/messages?folder=") + folder + "&most=" + std::to_string(options.most);
  if (!options.before.empty()) {
    KERUEN_TRY(const auto before, desk.resolve(options.before));
    target += "&before=" + before;
  }
  if (!options.before_from.empty()) {
    target += "&before_from=" + api::percent_encoded(options.before_from);
  }
  if (!options.state.empty()) target += "&state=" + options.state;
  if (!options.kind.empty()) target += "&kind=" + options.kind;
  return target;
}

ExitCode print_list(const Choice& choice, const char* folder, const ListOptions& options) {
  auto desk = Desk::open(choice);
  if (!desk) return choice.explain(desk.error(), During::local_work);
  const auto target = target_of(*desk, folder, options);
  if (!target) return choice.explain(target.error(), desk->during());
  const auto page = desk->get(*target);
  if (!page) return choice.explain(page.error(), desk->during());
  const auto& messages = (*page)["messages"];
  // After the list, where it is read.
  const auto say_how_to_go_on = [&] {
    if (!page->value("more", false)) return;
    choice.terminal.say("There are older ones: the same command with --before " +
                        short_id(messages.back().value("id", std::string())) + " lists them.");
  };
  if (choice.json) {
    choice.terminal.print(page->dump() + "\n");
    say_how_to_go_on();
    return ExitCode::ok;
  }
  const bool inbox = std::string_view(folder) == "inbox";
  Table table(
      {"ID", inbox ? "FROM" : "TO", inbox ? "ARRIVED" : "SENT", "LANE", "STATE", "SUBJECT"});
  for (const auto& message : messages) {
    const auto text = [&](const char* name) { return message.value(name, std::string()); };
    std::string state = text("state");
    std::string who = text("from");
    std::string when = text("arrived_at");
    Tone tone = state == "unread" ? Tone::strong : Tone::plain;
    if (!inbox) {
      // One word for all recipients where they agree, else how many got how far.
      std::map<std::string, std::size_t> counts;
      who.clear();
      for (const auto& recipient : message.value("recipients", Json::array())) {
        ++counts[recipient.value("state", std::string())];
        who += (who.empty() ? "" : ",") + recipient.value("recipient", std::string());
      }
      state.clear();
      for (const auto& [each, count] : counts) {
        state += (state.empty() ? "" : ", ") +
                 (counts.size() > 1 ? std::to_string(count) + " " + each : each);
        tone = tone_of_state(each);
      }
      when = text("created_at");
    }
    const std::string lane = text("lane");
    table.add({{short_id(text("id"))},
               {cut_to(who, 32)},
               {short_time(when)},
               {lane, lane == "flash"    ? Tone::bad
                      : lane == "urgent" ? Tone::warning
                                         : Tone::plain},
               {state, tone},
               message.contains("fault")
                   ? Table::Cell{"(cannot be read: " + text("fault") + ")", Tone::bad}
                   : Table::Cell{cut_to(text("subject"), kSubjectColumns), tone}});
  }
  if (table.empty()) {
    choice.terminal.say(!options.before.empty() ? "Nothing older."
                        : inbox                 ? "Nothing here."
                                                : "Nothing was sent yet.");
    return ExitCode::ok;
  }
  choice.terminal.print(table.render(choice.terminal));
  say_how_to_go_on();
  return ExitCode::ok;
}

// Runs `work` with an open desk and the addresses of the message and of what stands below it.
template <class Work>
ExitCode with_message(const Choice& choice, const MessageName& name, const Work& work) {
  auto desk = Desk::open(choice);
  if (!desk) return choice.explain(desk.error(), During::local_work);
  const auto at = message_address(*desk, name);
  if (!at) return choice.explain(at.error(), desk->during());
  const Result<void> done = work(*desk, *at);
  return done ? ExitCode::ok : choice.explain(done.error(), desk->during());
}

ExitCode show(const Choice& choice, const MessageName& name) {
  return with_message(choice, name, [&](Desk& desk, const MessageAddress& at) -> Result<void> {
    KERUEN_TRY(const auto message, desk.get(at("")));
    choice.terminal.print(choice.json ? message.dump() + "\n"
                                      : message_text(message, choice.terminal));
    return {};
  });
}

ExitCode read(const Choice& choice, const MessageName& name) {
  return with_message(choice, name, [&](Desk& desk, const MessageAddress& at) -> Result<void> {
    KERUEN_TRY(const auto message, desk.get(at("")));
    choice.terminal.print(choice.json ? message.dump() + "\n"
                                      : message_text(message, choice.terminal));
    const std::string from = message["summary"].value("from", std::string());
    // What is told to its sender is of the message that is shown, and of no other with its id.
    KERUEN_TRY(const auto shown,
               message_address(desk, {message["summary"].value("id", std::string()), from}));
    KERUEN_TRY(const auto ignored, desk.post(shown("/read"), Json::object()));
    static_cast<void>(ignored);
    choice.terminal.say(message["summary"].value("state", std::string()) == "recalled"
                            ? from + " has taken this message back and asks to disregard it."
                            : "Marked read; " + from + " will see that.");
    return {};
  });
}

ExitCode process(const Choice& choice, const MessageName& message, const std::string& result,
                 const std::string& note) {
  return with_message(choice, message, [&](Desk& desk, const MessageAddress& at) -> Result<void> {
    Json body = {{"result", result}};
    if (!note.empty()) body["note"] = note;
    KERUEN_TRY(const auto ignored, desk.post(at("/process"), body));
    static_cast<void>(ignored);
    choice.terminal.say("Marked processed (" + result + "); the sender will see that.");
    return {};
  });
}

std::string recall_words(const std::string& outcome) {
  if (outcome == "recalled") return "recalled, it was not sent yet";
  if (outcome == "asked_to_disregard") return "already sent; they are asked to disregard it";
  if (outcome == "never_reached") return "nothing to recall, it never reached them";
  if (outcome == "gone") return "no longer in the exchange: they cannot be asked to disregard it";
  return outcome;
}

ExitCode recall(const Choice& choice, const MessageName& name) {
  return with_message(choice, name, [&](Desk& desk, const MessageAddress& at) -> Result<void> {
    KERUEN_TRY(const auto answer, desk.post(at("/recall"), Json::object()));
    if (choice.json) {
      choice.terminal.print(answer.dump() + "\n");
      return {};
    }
    for (const auto& recipient : answer["recipients"]) {
      choice.terminal.print(recipient["recipient"].get<std::string>() + ": " +
                            recall_words(recipient["outcome"].get<std::string>()) + "\n");
    }
    return {};
  });
}

ExitCode receipts(const Choice& choice, const MessageName& name) {
  return with_message(choice, name, [&](Desk& desk, const MessageAddress& at) -> Result<void> {
    KERUEN_TRY(const auto answer, desk.get(at("/receipts")));
    choice.terminal.print(choice.json ? answer.dump() + "\n"
                                      : receipts_text(answer["recipients"], choice.terminal));
    return {};
  });
}

ExitCode attachment(const Choice& choice, const MessageName& message, const std::string& name,
                    const std::string& out) {
  host::PosixDisk disk;
  // What fails of the file here is not the agent's answer.
  bool is_local = false;
  const auto locally = [&](auto result) {
    is_local = is_local || !result;
    return result;
  };
  const auto fetch = [&](Desk& desk, const MessageAddress& at) -> Result<std::uint64_t> {
    // A name of its own: another that ends so may be the user's.
    const std::string partial = out + "." + std::to_string(std::random_device()()) + ".partial";
    KERUEN_TRY(const auto file, locally(disk.create(partial)));
    std::uint64_t written = 0;
    const auto got = [&] {
      ProgressBar progress(choice.terminal, name);
      return desk.client().download(
          at("/attachments/" + api::percent_encoded(name)),
          [&](BytesView piece) -> Result<void> {
            KERUEN_CHECK(locally(file->write(written, piece)));
            written += piece.size();
            return {};
          },
          [&](std::uint64_t done, std::uint64_t total) { progress.show(done, total); });
    }();
    const auto kept = [&]() -> Result<void> {
      KERUEN_CHECK(got);
      KERUEN_CHECK(locally(file->sync()));
      return locally(disk.rename(partial, out));
    }();
    if (kept) return written;
    static_cast<void>(disk.remove(partial));
    return fail(kept.error());
  };
  const auto there = host::exists(disk, out);
  if (!there) return choice.explain(there.error(), During::local_work);
  if (*there) {
    return choice.explain({ErrorCode::duplicate, out + " exists; name another file with --out"},
                          During::local_work);
  }
  auto desk = Desk::open(choice);
  if (!desk) return choice.explain(desk.error(), During::local_work);
  const auto at = message_address(*desk, message);
  if (!at) return choice.explain(at.error(), desk->during());
  const auto written = fetch(*desk, *at);
  if (!written) {
    return choice.explain(written.error(), is_local ? During::local_work : desk->during());
  }
  choice.terminal.say("Wrote " + out + ", " + size_words(*written) +
                      "; its SHA-256 is the one the sender signed.");
  return ExitCode::ok;
}

}  // namespace

void add_message_verbs(CLI::App& app, Choice& choice) {
  const auto add_list = [&](const char* name, const char* help, const char* example) {
    auto options = std::make_shared<ListOptions>();
    CLI::App* verb = app.add_subcommand(name, help);
    verb->footer(with_example(example, ""));
    verb->add_option("--most", options->most, "how many, newest first")
        ->check(CLI::Range(1, 500))
        ->capture_default_str();
    verb->add_option("--before", options->before,
                     "only what is older than this message: a whole id, or the characters shown")
        ->check(utf8_text());
    verb->add_option("--kind", options->kind, "only this kind")
        ->check(CLI::IsMember({"notice", "schedule", "evidence"}));
    if (std::string_view(name) == "inbox") {
      verb->add_option("--before-from", options->before_from,
                       "who sent that one, where several agencies used its id")
          ->check(utf8_text())
          ->needs("--before");
      verb->add_option("--state", options->state, "only these")
          ->check(CLI::IsMember({"unread", "read", "processed", "recalled"}));
    }
    verb->callback([&choice, name, options] {
      choice.run = [&choice, name, options] { return print_list(choice, name, *options); };
    });
  };
  add_list("inbox", "What arrived, newest first", "keruen --agent customs inbox --state unread");
  add_list("sent", "What was sent, and how far it got", "keruen --agent customs sent");

  const auto add_verb = [&](const char* name, const char* help, const char* example,
                            Folders folders, auto work) {
    CLI::App* verb = app.add_subcommand(name, help);
    verb->footer(with_example(example, "ID: a whole id, or the characters `inbox` shows."));
    auto message = std::make_shared<MessageName>();
    verb->add_option("ID", message->id, "the message")->required()->check(utf8_text());
    if (folders == Folders::any) add_sender_option(*verb, message->from);
    verb->callback([&choice, message, work] {
      choice.run = [&choice, message, work] { return work(choice, *message); };
    });
    return verb;
  };
  add_verb("show", "A message, without telling the sender", "keruen --agent customs show 3e2d4b5a",
           Folders::any, show);
  add_verb("read", "A message, and tell the sender that you read it",
           "keruen --agent customs read 3e2d4b5a", Folders::any, read);
  add_verb("receipts", "What became of a sent message, per recipient",
           "keruen --agent customs receipts 3e2d4b5a", Folders::sent, receipts);
  add_verb("recall", "Take a sent message back, as far as it can be",
           "keruen --agent customs recall 3e2d4b5a", Folders::sent, recall);

  auto result = std::make_shared<std::string>();
  auto note = std::make_shared<std::string>();
  CLI::App* processed =
      add_verb("process", "Tell the sender what you did about a message",
               "keruen --agent customs process 3e2d4b5a --result done --note \"vehicle stopped\"",
               Folders::any, [result, note](const Choice& with, const MessageName& message) {
                 return process(with, message, *result, *note);
               });
  processed->add_option("--result", *result, "what was done")
      ->required()
      ->check(CLI::IsMember({"done", "refused", "forwarded"}));
  processed->add_option("--note", *note, "a sentence about it")->check(utf8_text());

  auto name = std::make_shared<std::string>();
  auto out = std::make_shared<std::string>();
  CLI::App* file =
      add_verb("attachment", "Write an attachment to a file",
               "keruen --agent customs attachment 3e2d4b5a photo.jpg --out photo.jpg", Folders::any,
               [name, out](const Choice& with, const MessageName& message) {
                 return attachment(with, message, *name, *out);
               });
  file->add_option("NAME", *name, "the attachment, as `show` names it")
      ->required()
      ->check(utf8_text());
  file->add_option("--out", *out, "the file to write")->required();
}

}  // namespace keruen::cli
