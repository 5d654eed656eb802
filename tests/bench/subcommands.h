// The subcommands of keruen-bench, each in a file of its name.
// Threads: one.
#pragma once

#include <functional>

#include "schemas/error.h"

namespace CLI {
class App;
}

namespace keruen::bench {

// The one that was chosen, filled in while the command line is read.
struct Command {
  std::function<Result<void>()> run;
};

void add_throughput(CLI::App& app, Command& command);
void add_latency(CLI::App& app, Command& command);
void add_fanout(CLI::App& app, Command& command);
void add_backlog(CLI::App& app, Command& command);
void add_lanes(CLI::App& app, Command& command);

}  // namespace keruen::bench
