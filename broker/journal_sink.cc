#include "broker/journal_sink.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "schemas/host/clock.h"

namespace keruen::broker {
namespace {

spdlog::level::level_enum level_of(host::JournalLevel level) {
  switch (level) {
    case host::JournalLevel::debug:
      return spdlog::level::debug;
    case host::JournalLevel::info:
      return spdlog::level::info;
    case host::JournalLevel::warning:
      return spdlog::level::warn;
    case host::JournalLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

Result<spdlog::sink_ptr> sink_for(const std::string& file) {
  if (file.empty()) return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  try {
    return std::make_shared<spdlog::sinks::rotating_file_sink_mt>(file, kJournalFileBytesMax,
                                                                  kJournalFilesMax);
  } catch (const spdlog::spdlog_ex& error) {
    return fail(ErrorCode::io_failed, "the journal " + file +
                                          " cannot be written: " + error.what() +
                                          ". Make its folder, or change journal.file");
  }
}

}  // namespace

struct JournalSink::State {
  const host::Clock& clock;
  const host::JournalLevel lowest;
  spdlog::logger logger;
};

JournalSink::JournalSink(std::unique_ptr<State> state) : state_(std::move(state)) {}
JournalSink::~JournalSink() = default;

Result<std::unique_ptr<JournalSink>> JournalSink::open(const host::JournalConfig& config,
                                                       const host::Clock& clock) {
  KERUEN_TRY(const auto sink, sink_for(config.file));
  // Every line is an object already: spdlog adds nothing to it.
  sink->set_pattern("%v");
  std::unique_ptr<State> state(new State{clock, config.level, spdlog::logger("keruen", sink)});
  state->logger.set_level(spdlog::level::trace);
  state->logger.flush_on(spdlog::level::info);
  // A journal that cannot be written stops nobody, and does not talk about it either.
  state->logger.set_error_handler([](const std::string&) {});
  return std::unique_ptr<JournalSink>(new JournalSink(std::move(state)));
}

void JournalSink::write(host::JournalLevel level, std::string_view event, Fields fields) {
  if (level < state_->lowest) return;
  const auto line = host::encode_journal_line({state_->clock.now().wall, level, event, fields});
  state_->logger.log(level_of(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace keruen::broker
