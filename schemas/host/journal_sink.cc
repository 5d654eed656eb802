#include "schemas/host/journal_sink.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <mutex>

#include "schemas/host/clock.h"

namespace keruen::host {
namespace {

// The line is whole as encoded; spdlog adds its end.
constexpr const char* kPattern = "%v";

// spdlog's own, once it could not turn its file over, has none and writes into it all the same.
class FileSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  FileSink(std::string path, const JournalFiles& files) : path_(std::move(path)), files_(files) {
    open();
  }

 private:
  void open() {
    file_ = std::make_unique<spdlog::sinks::rotating_file_sink_st>(path_, files_.bytes_max,
                                                                   files_.before_max);
    file_->set_pattern(kPattern);
  }
  void sink_it_(const spdlog::details::log_msg& line) override {
    if (!file_) open();
    try {
      file_->log(line);
    } catch (const spdlog::spdlog_ex&) {
      file_.reset();
    }
  }
  void flush_() override {
    if (file_) file_->flush();
  }

  const std::string path_;
  const JournalFiles files_;
  std::unique_ptr<spdlog::sinks::rotating_file_sink_st> file_;
};

class SpdlogJournal final : public Journal {
 public:
  SpdlogJournal(spdlog::sink_ptr sink, JournalLevel level, const Clock& clock)
      : logger_("journal", std::move(sink)), level_(level), clock_(clock) {
    logger_.set_pattern(kPattern);
    logger_.set_level(spdlog::level::trace);
    logger_.flush_on(spdlog::level::trace);
    // A journal that cannot be written stops nobody.
    logger_.set_error_handler([](const std::string&) {});
  }

  void write(JournalLevel level, std::string_view event, Fields fields) override {
    if (level < level_) return;
    logger_.log(spdlog::level::info,
                encode_journal_line({clock_.now().wall, level, event, fields}));
  }

 private:
  spdlog::logger logger_;
  JournalLevel level_;
  const Clock& clock_;
};

}  // namespace

Result<std::unique_ptr<Journal>> open_journal(const JournalConfig& config, const Clock& clock,
                                              const JournalFiles& files) {
  try {
    spdlog::sink_ptr sink;
    if (config.file.empty()) {
      sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    } else {
      sink = std::make_shared<FileSink>(config.file, files);
    }
    return std::make_unique<SpdlogJournal>(std::move(sink), config.level, clock);
  } catch (const spdlog::spdlog_ex& error) {
    return fail(ErrorCode::io_failed, "the journal " + config.file +
                                          " cannot be opened: " + error.what() +
                                          "; make its folder, or change `file` under [journal]");
  }
}

}  // namespace keruen::host
