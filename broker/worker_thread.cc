#include "broker/worker_thread.h"

#include <pthread.h>

#include <algorithm>
#include <iterator>

#include "broker/log/checkpoint_signer.h"
#include "broker/log/log.h"

namespace keruen::broker {
namespace {

constexpr std::size_t kThreadNameBytesMax = 15;  // Linux's own

WorkerOptions reader_options(std::string name) {
  WorkerOptions options;
  options.name = std::move(name);
  // One question of each recipient and one of each connection are under way at most.
  options.questions_max = 64 * 1024;
  // An answer holds up to kSliceBytesMax: it goes out before the next is made.
  options.at_a_time = 1;
  return options;
}

ReaderThread::Work answering_with(ReaderStation& station, const host::Clock& clock) {
  return [&station, &clock](std::vector<ReadRequest> requests) {
    std::vector<ReadAnswer> answers;
    answers.reserve(requests.size());
    for (const ReadRequest& request : requests) {
      answers.push_back(station.answer(request, clock.now()));
    }
    return answers;
  };
}

bool is_of_operator(const ReadRequest& request) {
  return std::holds_alternative<WaitingRequest>(request) ||
         std::holds_alternative<MessageRequest>(request);
}

}  // namespace

void name_this_thread(const std::string& name) {
  // For top and gdb; a thread without a name works as well.
  static_cast<void>(
      ::pthread_setname_np(::pthread_self(), name.substr(0, kThreadNameBytesMax).c_str()));
}

std::unique_ptr<LogThread> start_log_thread(LogStation& station, const host::Clock& clock,
                                            host::Wake& core) {
  WorkerOptions options;
  options.name = "log";
  // The core bounds what it submits (by bytes and number) and adds cursors now and then.
  options.questions_max = 16 * 1024;
  options.idle_every = std::chrono::seconds{1};
  return std::make_unique<LogThread>(
      options,
      [&station, &clock](std::vector<Submission> submissions) {
        return station.process(submissions, clock.now());
      },
      core);
}

ReaderThread::ReaderThread(Work work, Work work_for_operators, host::Wake& core)
    : thread_(reader_options("reader"), std::move(work), core),
      for_operators_(reader_options("operators"), std::move(work_for_operators), core) {}

bool ReaderThread::submit(ReadRequest request) {
  auto& thread = is_of_operator(request) ? for_operators_ : thread_;
  return thread.submit(std::move(request));
}

std::vector<ReadAnswer> ReaderThread::take() {
  auto answers = thread_.take();
  std::ranges::move(for_operators_.take(), std::back_inserter(answers));
  return answers;
}

void ReaderThread::stop() {
  thread_.stop();
  for_operators_.stop();
}

std::unique_ptr<ReaderThread> start_reader_thread(ReaderStation& station,
                                                  ReaderStation& for_operators,
                                                  const host::Clock& clock, host::Wake& core) {
  return std::make_unique<ReaderThread>(answering_with(station, clock),
                                        answering_with(for_operators, clock), core);
}

std::unique_ptr<CareThread> start_care_thread(Caretaker& caretaker, const host::Clock& clock,
                                              host::Wake& core) {
  WorkerOptions options;
  options.name = "caretaker";
  options.idle_every = std::chrono::seconds{1};
  return std::make_unique<CareThread>(
      options,
      [&caretaker, &clock](const std::vector<std::monostate>&) {
        std::vector<LogFault> faults;
        if (auto done = caretaker.step(clock.now()); !done) {
          faults.push_back({std::move(done).error()});
        }
        return faults;
      },
      core);
}

std::unique_ptr<SigningThread> start_signing_thread(log::CheckpointSigner& signer,
                                                    const log::Log& log, host::Wake& core) {
  WorkerOptions options;
  options.name = "signer";
  return std::make_unique<SigningThread>(
      options,
      [&signer, &log](const std::vector<TreeSize>& sizes) {
        std::vector<SigningEvent> events;
        auto signed_checkpoint = signer.sign(log, *std::ranges::max_element(sizes));
        if (signed_checkpoint) {
          events.emplace_back(CheckpointSigned{std::move(*signed_checkpoint)});
        } else {
          events.emplace_back(CheckpointNotSigned{std::move(signed_checkpoint).error()});
        }
        return events;
      },
      core);
}

}  // namespace keruen::broker
