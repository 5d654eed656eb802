// Stations on threads of their own: everything asked is answered, nobody waits for the core.
#include "broker/worker_thread.h"

#include <poll.h>

#include "broker/log/checkpoint_signer.h"
#include "tests/broker/station_bench.h"

namespace keruen::broker {
namespace {

using ::testing::_;
using ::testing::Each;
using ::testing::SizeIs;
using ::testing::VariantWith;

// Waits for the ring, not for a time.
void await(host::Wake& wake) {
  pollfd poll_for{wake.descriptor(), POLLIN, 0};
  ASSERT_EQ(::poll(&poll_for, 1, 60'000), 1);
  wake.quiet();
}

class FixedClock final : public host::Clock {
 public:
  explicit FixedClock(Now now) : now_(now) {}
  [[nodiscard]] Now now() const override { return now_; }

 private:
  const Now now_;
};

using Doubler = WorkerThread<int, int>;

Doubler::Work doubling() {
  return [](std::vector<int> numbers) {
    for (int& number : numbers) number *= 2;
    return numbers;
  };
}

TEST(WorkerThread, AnswersEverythingInOrder) {
  KERUEN_ASSERT_OK(const auto wake, host::Wake::make());
  Doubler worker({"doubler", 10'000, SIZE_MAX, {}}, doubling(), *wake);
  std::vector<int> answers;
  for (int i = 0; i < 1000; ++i) ASSERT_TRUE(worker.submit(i));
  while (answers.size() < 1000) {
    await(*wake);
    for (const int answer : worker.take()) answers.push_back(answer);
  }
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(answers[static_cast<std::size_t>(i)], 2 * i);
}

TEST(WorkerThread, RefusesWhenItsQueueIsFullAndFinishesWhatItTook) {
  KERUEN_ASSERT_OK(const auto wake, host::Wake::make());
  std::mutex gate;
  gate.lock();
  Doubler worker(
      {"doubler", 3, 1, {}},
      [&](std::vector<int> numbers) {
        const std::lock_guard lock(gate);
        return numbers;
      },
      *wake);
  std::size_t taken = 0;
  while (worker.submit(7)) ASSERT_LE(++taken, 4u);
  EXPECT_GE(taken, 3u);
  gate.unlock();
  worker.stop();
  EXPECT_THAT(worker.take(), SizeIs(taken));
  EXPECT_FALSE(worker.submit(7));
}

TEST(WorkerThread, CallsTheWorkWhenNothingComes) {
  KERUEN_ASSERT_OK(const auto wake, host::Wake::make());
  Doubler worker(
      {"idler", 1, 1, std::chrono::milliseconds{1}},
      [](const std::vector<int>& numbers) {
        return std::vector<int>{static_cast<int>(numbers.size())};
      },
      *wake);
  await(*wake);
  const auto answers = worker.take();
  ASSERT_FALSE(answers.empty());
  EXPECT_EQ(answers.front(), 0);
}

// What operators ask may be looked for in millions of rows.
TEST(ReaderThread, AnswersRecipientsWhileAnOperatorIsBeingAnswered) {
  KERUEN_ASSERT_OK(const auto wake, host::Wake::make());
  std::mutex gate;
  gate.lock();
  ReaderThread reader([](auto) { return std::vector<ReadAnswer>{CatchUpAnswer{}}; },
                      [&](auto) {
                        const std::lock_guard lock(gate);
                        return std::vector<ReadAnswer>{ReadFrame{}};
                      },
                      *wake);
  for (const ReadRequest& request :
       std::initializer_list<ReadRequest>{WaitingRequest{}, MessageRequest{}, CatchUpRequest{},
                                          InclusionRequest{}, CheckpointRequest{}}) {
    ASSERT_TRUE(reader.submit(request));
  }
  std::vector<ReadAnswer> answers;
  while (answers.size() < 3 && !HasFailure()) {
    await(*wake);
    for (ReadAnswer& answer : reader.take()) answers.push_back(std::move(answer));
  }
  EXPECT_THAT(answers, Each(VariantWith<CatchUpAnswer>(_)));
  gate.unlock();
  reader.stop();
  const auto of_operators = reader.take();
  EXPECT_THAT(of_operators, SizeIs(2));
  EXPECT_THAT(of_operators, Each(VariantWith<ReadFrame>(_)));
}

class WorkerThreadTest : public StationBench {
 protected:
  void SetUp() override {
    open();
    if (!HasFatalFailure()) found();
    if (HasFatalFailure()) return;
    KERUEN_ASSERT_OK(operators_reader,
                     ReaderStation::open(*log, index_path(), exchange.origin(), journal));
  }

  std::unique_ptr<ReaderStation> operators_reader;
};

TEST_F(WorkerThreadTest, LogsReadsAndSignsAtTheSameTime) {
  const FixedClock clock(exchange.clock().now());
  KERUEN_ASSERT_OK(const auto wake, host::Wake::make());
  KERUEN_ASSERT_OK(
      const auto signer,
      log::CheckpointSigner::open(disk, "guard", exchange.origin(),
                                  *certs::SigningKeyPair::from_seed(exchange.log_key().seed()),
                                  log::CheckpointSigner::MissingGuard::accept));
  ASSERT_THAT(signer->check(*log), IsOk());
  const auto logging = start_log_thread(*station, clock, *wake);
  const auto reading = start_reader_thread(*reader, *operators_reader, clock, *wake);
  const auto signing = start_signing_thread(*signer, *log, *wake);

  auto stream = exchange.open_stream("kz.border-guard");
  constexpr std::size_t kBatches = 40;
  CatchUpRequest request;
  request.recipient = agency_named("kz.customs");
  request.lane = Lane::routine;
  std::size_t accepted_count = 0;
  std::size_t read_count = 0;
  std::size_t reported_count = 0;
  std::size_t signed_count = 0;
  for (std::size_t i = 0; i < kBatches; ++i) {
    ASSERT_TRUE(logging->submit(submission(exchange.messages(stream, {{{"kz.customs"}}}))));
  }
  while (accepted_count < kBatches || read_count < accepted_count ||
         reported_count < accepted_count || signed_count == 0) {
    await(*wake);
    TreeSize size;
    for (const LogEvent& event : logging->take()) {
      size = TreeSize{accepted(std::get<BatchOutcome>(event)).index.value + 1};
      ++accepted_count;
      request.below = size;
      ASSERT_TRUE(reading->submit(request));
      ASSERT_TRUE(reading->submit(WaitingRequest{kConnection}));
    }
    if (size.value > 0) {
      ASSERT_TRUE(signing->submit(size));
    }
    for (const ReadAnswer& answer : reading->take()) {
      if (const auto* caught_up = std::get_if<CatchUpAnswer>(&answer)) {
        EXPECT_FALSE(caught_up->pieces.empty());
        ++read_count;
      } else {
        EXPECT_TRUE(
            std::holds_alternative<wire::OperatorReport>(std::get<ReadFrame>(answer).frame));
        ++reported_count;
      }
    }
    for (const SigningEvent& event : signing->take()) {
      EXPECT_TRUE(std::holds_alternative<CheckpointSigned>(event));
      ++signed_count;
    }
  }
  logging->stop();
  reading->stop();
  signing->stop();
  EXPECT_EQ(log->size(), TreeSize{4 + kBatches});
}

}  // namespace
}  // namespace keruen::broker
