// A station on a thread of its own: questions in through a bounded queue, answers out to the core,
// which is woken through a Wake.
// Shape: what waits goes into one call of the work (the reader's: one at a time), so a group commit
// is as large as the disk was slow. Threads: submit(), take() and stop() from the core thread; the
// work runs on this. Lifetime: what the work borrows, and the Wake, outlive the WorkerThread.
//
// submit() never blocks: false means the queue is full, nothing was taken, the caller answers
// overloaded. Answers are never refused: they are bounded by the questions, so the worker never
// waits for the core. stop() lets the work finish everything submitted, then joins; its last
// answers can still be taken.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "broker/caretaker.h"
#include "broker/log_station.h"
#include "broker/reader_station.h"
#include "schemas/host/clock.h"
#include "schemas/host/wake.h"

namespace keruen::log {
class CheckpointSigner;
}

namespace keruen::broker {

struct WorkerOptions {
  std::string name;                  // of the thread, at most 15 bytes
  std::size_t questions_max = 512;   // waiting; batches are up to kBatchBytesMax each
  std::size_t at_a_time = SIZE_MAX;  // questions in one call of the work
  // Calls the work without questions when none came for so long; empty: never.
  std::optional<std::chrono::milliseconds> idle_every;
};

void name_this_thread(const std::string& name);

template <class Question, class Answer>
class WorkerThread {
 public:
  using Work = std::function<std::vector<Answer>(std::vector<Question>)>;

  WorkerThread(WorkerOptions options, Work work, host::Wake& core)
      : options_(std::move(options)), work_(std::move(work)), core_(core), thread_([this] {
          name_this_thread(options_.name);
          run();
        }) {}
  ~WorkerThread() { stop(); }
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

  [[nodiscard]] bool submit(Question question) {
    {
      const std::lock_guard lock(mutex_);
      if (is_stopping_ || questions_.size() >= options_.questions_max) return false;
      questions_.push_back(std::move(question));
    }
    has_questions_.notify_one();
    return true;
  }
  [[nodiscard]] std::vector<Answer> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(answers_, {});
  }
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      is_stopping_ = true;
    }
    has_questions_.notify_one();
    if (thread_.joinable()) thread_.join();
  }

 private:
  // Empty: the end.
  [[nodiscard]] std::optional<std::vector<Question>> wait() {
    std::unique_lock lock(mutex_);
    const auto is_due = [this] { return is_stopping_ || !questions_.empty(); };
    if (options_.idle_every) {
      has_questions_.wait_for(lock, *options_.idle_every, is_due);
    } else {
      has_questions_.wait(lock, is_due);
    }
    if (is_stopping_ && questions_.empty()) return std::nullopt;
    const std::size_t count = std::min(questions_.size(), options_.at_a_time);
    const auto end = questions_.begin() + static_cast<std::ptrdiff_t>(count);
    std::vector<Question> taken(std::make_move_iterator(questions_.begin()),
                                std::make_move_iterator(end));
    questions_.erase(questions_.begin(), end);
    return taken;
  }
  void run() {
    while (auto questions = wait()) {
      auto answers = work_(std::move(*questions));
      if (answers.empty()) continue;
      {
        const std::lock_guard lock(mutex_);
        answers_.insert(answers_.end(), std::make_move_iterator(answers.begin()),
                        std::make_move_iterator(answers.end()));
      }
      core_.ring();
    }
  }

  const WorkerOptions options_;
  const Work work_;
  host::Wake& core_;
  std::mutex mutex_;
  std::condition_variable has_questions_;
  std::deque<Question> questions_;
  std::vector<Answer> answers_;
  bool is_stopping_ = false;
  std::thread thread_;  // last: it uses all of the above
};

using SigningEvent = std::variant<CheckpointSigned, CheckpointNotSigned>;

using LogThread = WorkerThread<Submission, LogEvent>;
using SigningThread = WorkerThread<TreeSize, SigningEvent>;
// Asked nothing: it works by itself, and says only why the broker must stop.
using CareThread = WorkerThread<std::monostate, LogFault>;

// The reader, in two threads: what an operator asks may have millions of rows to look through, and
// neither a recipient nor a proof waits for that. Of one connection one question is under way at a
// time, so nobody's answers change places.
class ReaderThread {
 public:
  using Work = WorkerThread<ReadRequest, ReadAnswer>::Work;
  ReaderThread(Work work, Work work_for_operators, host::Wake& core);

  [[nodiscard]] bool submit(ReadRequest request);
  [[nodiscard]] std::vector<ReadAnswer> take();
  void stop();

 private:
  WorkerThread<ReadRequest, ReadAnswer> thread_;
  WorkerThread<ReadRequest, ReadAnswer> for_operators_;
};

// Also runs once a second without submissions, to look for space on a full disk.
[[nodiscard]] std::unique_ptr<LogThread> start_log_thread(LogStation& station,
                                                          const host::Clock& clock,
                                                          host::Wake& core);
[[nodiscard]] std::unique_ptr<ReaderThread> start_reader_thread(ReaderStation& station,
                                                                ReaderStation& for_operators,
                                                                const host::Clock& clock,
                                                                host::Wake& core);
// A step once a second.
[[nodiscard]] std::unique_ptr<CareThread> start_care_thread(Caretaker& caretaker,
                                                            const host::Clock& clock,
                                                            host::Wake& core);
// Of several sizes asked for, signs the largest.
[[nodiscard]] std::unique_ptr<SigningThread> start_signing_thread(log::CheckpointSigner& signer,
                                                                  const log::Log& log,
                                                                  host::Wake& core);

}  // namespace keruen::broker
