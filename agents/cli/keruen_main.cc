// keruen: the one command-line tool of officers, the exchange authority and administrators.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "agents/api/problem.h"
#include "agents/cli/verbs.h"
#include "schemas/utf8.h"

namespace keruen::cli {

std::string with_example(const std::string& example, const std::string& rest) {
  return "Example:\n  " + example + (rest.empty() ? "" : "\n\n" + rest);
}

CLI::Validator utf8_text() {
  const auto fault_of = [](const std::string& text) -> std::string {
    if (is_utf8(text)) return "";
    return "this is not UTF-8, and nobody could read it. Set the terminal to UTF-8 (with "
           "LANG=C.UTF-8), or convert what a script gives (iconv -t UTF-8)";
  };
  return {fault_of, ""};
}

ExitCode Choice::explain(const Error& error, During during) const {
  const std::string next_step(next_step_of(error, during));
  if (json) terminal.print(api::problem_json(error, next_step) + "\n");
  terminal.say("keruen: " + printable(error.detail, LineEnds::keep) +
               (next_step.empty() ? "" : "\n  " + next_step) + " (" +
               std::string(name_of(error.code)) + ")");
  return exit_code_of(error, during);
}

namespace {

// The example comes first: it is what most people open the help for.
class ExampleFirst : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    if (mode == CLI::AppFormatMode::Sub) return make_expanded(app);
    return make_description(app) + "\n" + make_footer(app) + "\n" +
           make_usage(app, std::move(name)) + make_positionals(app) + make_groups(app, mode) +
           make_subcommands(app, mode);
  }
};

// A report that is cut short must not pass for a whole one. What the command did is done, so
// nothing here says to give it again.
ExitCode checked_output(const Terminal& terminal, ExitCode exit) {
  const auto printed = terminal.printed();
  if (printed) return exit;
  terminal.say("keruen: " + printed.error().detail +
               (exit == ExitCode::ok ? "; besides that the command did its work" : "") + " (" +
               std::string(name_of(printed.error().code)) + ")");
  return exit == ExitCode::ok ? ExitCode::done_unreported : exit;
}

int run(int argc, char** argv) {
  Choice choice;
  CLI::App app("Sealed messages between agencies.", "keruen");
  app.formatter(std::make_shared<ExampleFirst>());
  app.set_version_flag("--version", KERUEN_VERSION);
  app.require_subcommand(1);
  app.fallthrough();
  app.set_help_all_flag("--help-all", "help of every verb");
  app.footer(
      "Example:\n  keruen --agent customs inbox\n\n"
      "Exit codes: 0 ok, 1 failed, 2 usage, 3 check found problems, 4 not found,\n"
      "  5 keys or access, 6 no connection, 7 refused by rule, 8 done, report cut short");
  app.add_option(
         "--agent", choice.agent,
         "the agent's folder (with agent.toml), that file, or its socket; or set KERUEN_AGENT")
      ->envname("KERUEN_AGENT");
  app.add_flag("--json", choice.json, "reports as JSON, for scripts");
  add_send_verbs(app, choice);
  add_message_verbs(app, choice);
  add_status_verbs(app, choice);
  add_authority_verbs(app, choice);
  add_admin_verbs(app, choice);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // Help and version are no failures; everything else is usage.
    return app.exit(error) == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  return static_cast<int>(checked_output(choice.terminal, choice.run()));
}

}  // namespace
}  // namespace keruen::cli

int main(int argc, char** argv) { return keruen::cli::run(argc, argv); }
