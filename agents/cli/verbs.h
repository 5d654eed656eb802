// The command line's verbs: each room of them hangs its subcommands into the one parser.
// Shape: a verb fills in `Choice::run`; main parses, then runs what was chosen.
// Threads: one.   Lifetime: the Choice outlives the parser.
#pragma once

#include <functional>
#include <string>

#include "agents/cli/exit_code.h"
#include "agents/cli/terminal.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace keruen::cli {

struct Choice {
  std::string agent;  // --agent or KERUEN_AGENT: a folder with agent.toml, that file, or the socket
  bool json = false;  // --json: the report as the API gives it
  Terminal terminal;
  std::function<ExitCode()> run;

  // Prints what happened and what to do next; with --json a problem document besides.
  [[nodiscard]] ExitCode explain(const Error& error, During during) const;
};

// The help text of a verb: an example first, since that is what people copy.
[[nodiscard]] std::string with_example(const std::string& example, const std::string& rest);

// The check of an option that is sent: in another encoding nobody could read what was signed.
[[nodiscard]] CLI::Validator utf8_text();

void add_message_verbs(CLI::App& app, Choice& choice);    // inbox, sent, show, read, process, …
void add_send_verbs(CLI::App& app, Choice& choice);       // send notice, reply
void add_status_verbs(CLI::App& app, Choice& choice);     // status, watch, agencies
void add_authority_verbs(CLI::App& app, Choice& choice);  // authority …, agency …
void add_admin_verbs(CLI::App& app, Choice& choice);      // admin status, flow, waiting

}  // namespace keruen::cli
