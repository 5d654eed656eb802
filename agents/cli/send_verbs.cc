#include <CLI/CLI.hpp>
#include <charconv>

#include "agents/cli/desk.h"
#include "schemas/content/json.h"
#include "schemas/content/words.h"
#include "schemas/host/posix_disk.h"
#include "schemas/utf8.h"

namespace keruen::cli {
namespace {

constexpr std::size_t kNoticeFileBytesMax = 1024 * 1024;
constexpr std::size_t kPieceBytes = 256 * 1024;

struct SendOptions {
  std::vector<std::string> to;
  std::string file;
  std::string type;
  std::string subject;
  std::string text;
  std::string where;
  std::string handling;
  std::vector<std::string> attach;
  std::string priority = "routine";
  std::string expires;
  std::string language = "en";
  bool example = false;
};

// "12h", "3d", "45m".
Result<std::int64_t> seconds_of(const std::string& text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string unit(end, text.data() + text.size());
  const std::int64_t factor = unit == "m" ? 60 : unit == "h" ? 3600 : unit == "d" ? 86400 : 0;
  if (error != std::errc() || number < 1 || factor == 0 || number > 30 * 86400) {
    return fail(ErrorCode::malformed,
                "--expires " + text + ": write a number and m, h or d, like 12h or 3d");
  }
  return number * factor;
}

std::string media_type_of(const std::string& name) {
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".jpg", "image/jpeg"},     {".jpeg", "image/jpeg"},     {".png", "image/png"},
      {".bmp", "image/bmp"},      {".pdf", "application/pdf"}, {".txt", "text/plain"},
      {".ics", "text/calendar"},  {".csv", "text/csv"},        {".mp4", "video/mp4"},
      {".zip", "application/zip"}};
  for (const auto& [ending, type] : kTypes) {
    if (name.ends_with(ending)) return std::string(type);
  }
  return "application/octet-stream";
}

std::string file_name_of(const std::string& path) {
  return path.substr(path.find_last_of('/') + 1);
}

// The name goes along with the file, the folders do not.
CLI::Validator utf8_file_name() {
  const auto fault_of = [](const std::string& path) -> std::string {
    if (is_utf8(file_name_of(path))) return "";
    return "the file's name is not UTF-8, and nobody could read it. Give it another name";
  };
  return {fault_of, ""};
}

Result<Json> upload(const Choice& choice, Desk& desk, const std::string& path) {
  host::PosixDisk disk;
  KERUEN_TRY(const auto status, disk.status(path));
  if (status.kind != host::EntryKind::file) {
    return fail(ErrorCode::malformed, path + " is not a file");
  }
  if (status.bytes > kAttachmentBytesMax) {
    return fail(ErrorCode::too_large, path + " has " + std::to_string(status.bytes) +
                                          " bytes; an attachment may have at most " +
                                          std::to_string(kAttachmentBytesMax) + " (" +
                                          size_words(kAttachmentBytesMax) + ")");
  }
  KERUEN_TRY(const auto file, disk.open_read(path));
  const std::string name = file_name_of(path);
  ProgressBar progress(choice.terminal, name);
  std::uint64_t offset = 0;
  KERUEN_TRY(const auto answer,
             desk.client().upload(
                 status.bytes,
                 [&]() -> Result<Bytes> {
                   Bytes piece(std::min<std::uint64_t>(kPieceBytes, status.bytes - offset));
                   KERUEN_TRY(const auto count, file->read(offset, piece));
                   piece.resize(count);
                   offset += count;
                   return piece;
                 },
                 [&](std::uint64_t done, std::uint64_t total) { progress.show(done, total); }));
  const auto json = Json::parse(answer, nullptr, false);
  if (!json.is_object() || !json.contains("upload")) {
    return fail(ErrorCode::io_failed, "the agent did not take " + path);
  }
  return Json{{"upload", json["upload"]}, {"name", name}, {"media_type", media_type_of(name)}};
}

// The short form: what an officer under pressure types.
Result<content::Content> short_form(const SendOptions& options) {
  if (options.type.empty() || options.text.empty() || options.handling.empty()) {
    return fail(ErrorCode::malformed,
                "the short form needs --type, --text and --handling (or give --file notice.json; "
                "`keruen send notice --example` prints one)");
  }
  const std::string subject = options.subject.empty() ? cut_to(options.text, 80) : options.subject;
  Json notice = {{"type", options.type},
                 {"subject", {{options.language, subject}}},
                 {"handling", options.handling},
                 {"language", options.language},
                 {"what", options.text}};
  if (!options.where.empty()) notice["where"] = options.where;
  KERUEN_TRY(const auto text, text_of_json(notice));
  return content::notice_from_json(text);
}

Result<content::Content> notice_of(const SendOptions& options) {
  if (options.file.empty()) return short_form(options);
  if (!options.text.empty() || !options.type.empty()) {
    return fail(ErrorCode::malformed, "give either --file or --type and --text, not both");
  }
  host::PosixDisk disk;
  KERUEN_TRY(const auto bytes, host::read_file(disk, options.file, kNoticeFileBytesMax));
  auto notice = content::notice_from_json(text_of(bytes));
  if (!notice) return fail(notice.error().code, options.file + ": " + notice.error().detail);
  return notice;
}

ExitCode submit(const Choice& choice, Desk& desk, const content::Content& content,
                const SendOptions& options) {
  Json request = {{"to", options.to}, {"lane", options.priority}};
  request["content"] = Json::parse(content::to_json(content));
  if (!options.expires.empty()) {
    const auto seconds = seconds_of(options.expires);
    if (!seconds) return choice.explain(seconds.error(), During::local_work);
    request["expires_in_seconds"] = *seconds;
  }
  const std::string key = draw_idempotency_key();
  const auto upload_and_send = [&]() -> Result<Json> {
    request.erase("attachments");
    for (const auto& path : options.attach) {
      KERUEN_TRY(auto uploaded, upload(choice, desk, path));
      request["attachments"].push_back(std::move(uploaded));
    }
    return desk.post_once("/v1/messages", request, key);
  };
  const auto all_uploaded = [&] {
    return request.value("attachments", Json::array()).size() == options.attach.size();
  };
  auto sent = upload_and_send();
  // An agent that was started anew has lost what was handed in, not what was sent under the key.
  if (!sent && sent.error().code == ErrorCode::not_found && !options.attach.empty() &&
      all_uploaded()) {
    sent = upload_and_send();
  }
  if (!sent) {
    // Files are read here: what the agent did not cause is local work.
    const bool is_local = !all_uploaded() && desk.client().answered();
    Error error = sent.error();
    // Any other message waits by itself; this one is not there to wait.
    if (error.code == ErrorCode::overloaded || error.code == ErrorCode::no_space) {
      error.detail += "; nothing was stored";
    }
    return choice.explain(error, is_local ? During::local_work : desk.during());
  }
  if (choice.json) {
    choice.terminal.print(sent->dump() + "\n");
    return ExitCode::ok;
  }
  const std::string id = (*sent)["id"].get<std::string>();
  choice.terminal.print(id + "\n");
  choice.terminal.say("Stored for " + joined((*sent)["recipients"]) +
                      "; it leaves as soon as the link is up.");
  if (sent->contains("left_out")) {
    choice.terminal.say(
        "Not for " + joined((*sent)["left_out"]) +
        ", which the exchange authority suspended; send it again when that is over.");
  }
  choice.terminal.say("Follow it with: keruen receipts " + short_id(id));
  return ExitCode::ok;
}

ExitCode send_notice(const Choice& choice, const SendOptions& options) {
  if (options.example) {
    choice.terminal.print(content::example_notice_json());
    return ExitCode::ok;
  }
  if (options.to.empty()) {
    return choice.explain({ErrorCode::malformed,
                           "to whom? Write --to AGENCY (or a group), once "
                           "for each; `keruen agencies` lists them"},
                          During::local_work);
  }
  const auto content = notice_of(options);
  if (!content) return choice.explain(content.error(), During::local_work);
  auto desk = Desk::open(choice);
  if (!desk) return choice.explain(desk.error(), During::local_work);
  return submit(choice, *desk, *content, options);
}

// An answer keeps subject, thread and handling of what it answers.
Result<content::Content> reply_to(const Json& message, const std::string& text) {
  KERUEN_TRY(auto content, content::content_from_json(message["content"].dump()));
  const auto id = message_id_from_text(message["summary"]["id"].get<std::string>());
  content::SealedHeader header;
  header.thread = content.header.thread ? content.header.thread : id;
  header.in_reply_to = id;
  header.subject = content.header.subject;
  for (auto& each : header.subject) {
    if (!each.text.starts_with("Re: ")) each.text = "Re: " + each.text;
  }
  header.handling = content.header.handling;
  header.handling_text = content.header.handling_text;
  header.tlp = content.header.tlp;
  header.status = content.header.status;
  header.case_references = content.header.case_references;
  header.language = content.header.language;
  content::CooperationNotice notice;
  notice.type = content::NoticeType::feedback;
  notice.what = text;
  return content::Content{std::move(header), {}, std::move(notice)};
}

ExitCode reply(const Choice& choice, const MessageName& name, SendOptions options) {
  auto desk = Desk::open(choice);
  if (!desk) return choice.explain(desk.error(), During::local_work);
  const auto at = message_address(*desk, name);
  if (!at) return choice.explain(at.error(), desk->during());
  const auto message = desk->get((*at)(""));
  if (!message) return choice.explain(message.error(), desk->during());
  const auto content = reply_to(*message, options.text);
  if (!content) return choice.explain(content.error(), During::local_work);
  const Json& summary = (*message)["summary"];
  if (summary.contains("arrived_at")) {
    options.to = {summary["from"].get<std::string>()};
  } else {
    for (const auto& each : summary["to"]) options.to.push_back(each.get<std::string>());
  }
  options.priority = summary.value("lane", std::string("routine"));
  return submit(choice, *desk, *content, options);
}

}  // namespace

void add_send_verbs(CLI::App& app, Choice& choice) {
  CLI::App* send = app.add_subcommand("send", "Send a message");
  send->footer(with_example("keruen send notice --help", ""));
  send->require_subcommand(1);
  CLI::App* notice = send->add_subcommand("notice", "Send a cooperation notice");
  notice->footer(with_example(
      "keruen --agent customs send notice --to kz.prosecutor --type warning \\\n"
      "      --subject \"Truck from Korday\" --text \"White Kamaz, dog alert at the tank\" "
      "--handling H1",
      "Or all fields from a file: keruen send notice --example >notice.json, edit it, then\n"
      "  keruen --agent customs send notice --to kz.all --file notice.json --attach photo.jpg"));
  auto options = std::make_shared<SendOptions>();
  notice->add_option("--to", options->to, "agency or group; once for each")->check(utf8_text());
  notice->add_option("--file", options->file, "a notice.json with all fields");
  std::vector<std::string> types;
  for (const auto word : content::Words<content::NoticeType>::kAll) types.emplace_back(word);
  notice->add_option("--type", options->type, "short form: what kind of notice")
      ->check(CLI::IsMember(types));
  notice->add_option("--subject", options->subject, "short form: one line")->check(utf8_text());
  notice->add_option("--text", options->text, "short form: what happened, what is wanted")
      ->check(utf8_text());
  notice->add_option("--where", options->where, "short form: place")->check(utf8_text());
  notice
      ->add_option("--handling", options->handling,
                   "H0 crime prevention only, H1 not in court without permission, H2 no onward "
                   "sharing without permission")
      ->check(CLI::IsMember({"H0", "H1", "H2"}));
  notice->add_option("--language", options->language, "of subject and text")
      ->check(utf8_text())
      ->capture_default_str();
  notice->add_option("--attach", options->attach, "a file to send along; once for each")
      ->check(utf8_file_name());
  notice->add_option("--priority", options->priority, "how urgent")
      ->check(CLI::IsMember({"flash", "urgent", "routine", "bulk"}))
      ->capture_default_str();
  notice->add_option("--expires", options->expires, "not to be delivered after this long: 12h, 3d");
  notice->add_flag("--example", options->example, "print a filled-in notice.json and stop");
  notice->callback([&choice, options] {
    choice.run = [&choice, options] { return send_notice(choice, *options); };
  });

  CLI::App* answer = app.add_subcommand("reply", "Answer a message");
  answer->footer(
      with_example("keruen --agent customs reply 3e2d4b5a --text \"Vehicle stopped at 16:20\"",
                   "ID: a whole id, or the characters `inbox` shows."));
  auto name = std::make_shared<MessageName>();
  auto reply_options = std::make_shared<SendOptions>();
  answer->add_option("ID", name->id, "the message you answer")->required()->check(utf8_text());
  add_sender_option(*answer, name->from);
  answer->add_option("--text", reply_options->text, "your answer")->required()->check(utf8_text());
  answer->add_option("--attach", reply_options->attach, "a file to send along; once for each")
      ->check(utf8_file_name());
  answer->callback([&choice, name, reply_options] {
    choice.run = [&choice, name, reply_options] { return reply(choice, *name, *reply_options); };
  });
}

}  // namespace keruen::cli
