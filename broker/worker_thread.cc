#include "broker/worker_thread.h"

#include <pthread.h>

#include <algorithm>

#include "broker/log/checkpoint_signer.h"
#include "broker/log/log.h"

namespace keruen::broker {
namespace {

constexpr std::size_t kThreadNameBytesMax = 15;  // Linux's own

}  // namespace

void name_this_thread(const std::string& name) {
  // For top and gdb; a thread without a name works as well.
  static_cast<void>(
      ::pthread_setname_np(::pthread_self(), name.substr(0, kThreadNameBytesMax).c_str()));
}

std::unique_ptr<LogThread> start_log_thread(LogStation& station, const host::Clock& clock,
                                            Wake& core) {
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

std::unique_ptr<ReaderThread> start_reader_thread(ReaderStation& station, const host::Clock& clock,
                                                  Wake& core) {
  WorkerOptions options;
  options.name = "reader";
  // One question of each recipient and a few of each connection are under way at most.
  options.questions_max = 64 * 1024;
  // An answer holds up to kSliceBytesMax: it goes out before the next is made.
  options.at_a_time = 1;
  return std::make_unique<ReaderThread>(
      options,
      [&station, &clock](std::vector<ReadRequest> requests) {
        std::vector<ReadAnswer> answers;
        answers.reserve(requests.size());
        for (const ReadRequest& request : requests) {
          answers.push_back(station.answer(request, clock.now()));
        }
        return answers;
      },
      core);
}

std::unique_ptr<CareThread> start_care_thread(Caretaker& caretaker, const host::Clock& clock,
                                              Wake& core) {
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
                                                    const log::Log& log, Wake& core) {
  WorkerOptions options;
  options.name = "signer";
  options.idle_every = std::chrono::seconds{1};
  return std::make_unique<SigningThread>(
      options,
      [&signer, &log, wanted = TreeSize{},
       lacks_room = false](std::vector<TreeSize> sizes) mutable {
        std::vector<SigningEvent> events;
        for (const TreeSize size : sizes) wanted = std::max(wanted, size);
        if (wanted == TreeSize{}) return events;
        auto signed_checkpoint = signer.sign(log, wanted);
        if (signed_checkpoint) {
          if (lacks_room) events.emplace_back(LogFault{});
          events.emplace_back(CheckpointSigned{std::move(*signed_checkpoint)});
        } else if (signed_checkpoint.error().code != ErrorCode::no_space || !lacks_room) {
          events.emplace_back(LogFault{signed_checkpoint.error()});
        }
        // The guard's disk is full: wanted until there is room, and said once.
        lacks_room = !signed_checkpoint && signed_checkpoint.error().code == ErrorCode::no_space;
        if (!lacks_room) wanted = TreeSize{};
        return events;
      },
      core);
}

}  // namespace keruen::broker
