// keruen-bench: what the exchange can carry, alone and beside other brokers on the same machine.
#include <CLI/CLI.hpp>

#include "schemas/host/memory.h"
#include "tests/bench/subcommands.h"

int main(int argc, char** argv) {
  // As the agents it runs do.
  keruen::host::keep_freed_memory();
  using namespace keruen::bench;
  CLI::App app("Measures what an exchange carries on this machine, and other brokers beside it.");
  app.footer("Example:\n  keruen-bench throughput --size 1024 --peer jetstream --json");
  app.require_subcommand(1);
  Command command;
  add_throughput(app, command);
  add_latency(app, command);
  add_fanout(app, command);
  add_backlog(app, command);
  add_lanes(app, command);
  CLI11_PARSE(app, argc, argv);
  const auto done = command.run();
  if (done) return 0;
  std::fprintf(stderr, "keruen-bench: %s\n", done.error().detail.c_str());
  return 1;
}
