#include "agents/journal_sink.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "schemas/host/clock.h"

namespace keruen::agents {
namespace {

class SpdlogJournal final : public host::Journal {
 public:
  SpdlogJournal(spdlog::sink_ptr sink, host::JournalLevel level, const host::Clock& clock)
      : logger_("journal", std::move(sink)), level_(level), clock_(clock) {
    // The line is whole as encoded; spdlog adds its end.
    logger_.set_pattern("%v");
    logger_.set_level(spdlog::level::trace);
    logger_.flush_on(spdlog::level::trace);
    // A journal that cannot be written stops nobody.
    logger_.set_error_handler([](const std::string&) {});
  }

  void write(host::JournalLevel level, std::string_view event, Fields fields) override {
    if (level < level_) return;
    logger_.log(spdlog::level::info,
                host::encode_journal_line({clock_.now().wall, level, event, fields}));
  }

 private:
  spdlog::logger logger_;
  host::JournalLevel level_;
  const host::Clock& clock_;
};

}  // namespace

Result<std::unique_ptr<host::Journal>> open_journal(const host::JournalConfig& config,
                                                    const host::Clock& clock) {
  try {
    spdlog::sink_ptr sink;
    if (config.file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
          config.file, kJournalFileBytesMax, kJournalFilesMax);
    }
    return std::make_unique<SpdlogJournal>(std::move(sink), config.level, clock);
  } catch (const spdlog::spdlog_ex& error) {
    return fail(ErrorCode::io_failed, "the journal file " + config.file +
                                          " cannot be opened: " + error.what() +
                                          "; check [journal] and the folder's permissions");
  }
}

}  // namespace keruen::agents
