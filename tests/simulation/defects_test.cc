// A checker is worth what it finds: each defect is planted through a seam, and must be found by the
// checker or named by the product itself. The same seed without it passes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>

#include "tests/simulation/defective_disk.h"
#include "tests/simulation/run.h"
#include "tests/support/matchers.h"

namespace keruen::simulation {
namespace {

using checker::FindingKind;
using checker::Record;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr const char* kGuard = "kz.border-guard";
constexpr const char* kCustoms = "kz.customs";
constexpr const char* kProsecutor = "kz.prosecutor";
constexpr std::uint64_t kSeed = 4711;
// So that a run fills more than one segment of the log.
constexpr std::size_t kLargeBytes = 9000;
constexpr std::size_t kFileBytes = 5000;  // one part

Ground& ground() {
  static Ground made;
  return made;
}

// What happened, as the checker and the parts themselves say.
struct Story {
  checker::Report report;
  std::vector<std::string> named;  // by broker and agents
};

// One scene, played with its defect or without; all else is the same.
class Defects : public ::testing::Test {
 protected:
  enum class Planted : std::uint8_t { no, yes };
  using Scene = std::function<void(World& world, Planted planted)>;

  static Story play(const Scene& scene, Planted planted, std::optional<DiskDefect> disk_defect) {
    Trace trace(Trace::Lines::none);
    WorldOptions options;
    if (planted == Planted::yes && disk_defect) {
      options.broker_disk_seam = [&](FaultDisk& disk) {
        return std::make_unique<DefectiveDisk>(disk, *disk_defect);
      };
    }
    World world(ground(), kSeed, trace, options);
    EXPECT_TRUE(world.start_everybody());
    scene(world, planted);
    Story story;
    story.report = bring_to_end(world, Recovery::all_start_again, {Letter()});
    story.named = story.report.absences_named;
    story.named.insert(story.named.end(), world.words().begin(), world.words().end());
    return story;
  }
  // The story of the defect; without it the scene passes and nobody accuses anybody.
  static Story spoilt(const Scene& scene, std::optional<DiskDefect> disk_defect = {}) {
    const Story good = play(scene, Planted::no, disk_defect);
    EXPECT_EQ(good.report.verdict, checker::Verdict::passed);
    EXPECT_THAT(good.report.findings, IsEmpty());
    EXPECT_THAT(good.named, IsEmpty());
    return play(scene, Planted::yes, disk_defect);
  }

  static void send_some(World& world, int count, std::size_t padding = 0) {
    for (int i = 0; i < count; ++i) {
      world.send(kGuard, {{kCustoms, kProsecutor}, Lane::routine, padding, {}});
      world.pass(milliseconds(300), milliseconds(100));
    }
  }
  // Work of a careless hand in a store, while its agent is down.
  static void change_store(World& world, const std::string& agency, const char* sql) {
    EXPECT_THAT(world.agent(agency).engine().publish(), IsOk());
    world.kill_agent(agency);
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(("/" + agency + "/store.sqlite").c_str(), &database), SQLITE_OK);
    char* message = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, &message), SQLITE_OK) << message;
    sqlite3_free(message);
    sqlite3_close(database);
  }
  static void start_again(World& world, const std::string& agency) {
    EXPECT_TRUE(world.start_agent(agency));
    world.connect(agency);
    world.pass(seconds(2));
  }
  // Counts what is received and spoils the second.
  static Application::Defect at_second_receive(
      std::function<void(std::vector<Record>& seen, std::size_t place)> spoil) {
    return [count = 0, spoil = std::move(spoil)](std::vector<Record>& seen) mutable {
      for (std::size_t place = 0; place < seen.size(); ++place) {
        if (!std::holds_alternative<checker::Received>(seen[place].what)) continue;
        if (++count == 2) return spoil(seen, place);
      }
    };
  }
};

auto a_finding(FindingKind kind) { return Contains(Field(&checker::Finding::kind, kind)); }

TEST_F(Defects, AcceptedBeforeTheSync) {
  const auto story = spoilt(
      [](World& world, Planted) {
        send_some(world, 4);
        world.pass(seconds(3));
        // Of what is not synced each sector may be there: with most seeds one is not.
        world.cut_broker_power(2);
        EXPECT_TRUE(world.start_broker() || !world.words().empty());
      },
      DiskDefect::sync_is_a_lie);
  EXPECT_THAT(story.named, Contains(AnyOf(HasSubstr("no longer has"), HasSubstr("corrupt"))));
}

TEST_F(Defects, DirectorySyncSkipped) {
  const auto story = spoilt(
      [](World& world, Planted) {
        send_some(world, 14, kLargeBytes);
        world.pass(seconds(3));
        world.cut_broker_power(0);
        EXPECT_TRUE(world.start_broker() || !world.words().empty());
      },
      DiskDefect::directory_sync_is_a_lie);
  EXPECT_THAT(story.named, Contains(HasSubstr("corrupt")));
}

TEST_F(Defects, FailedSyncRepeatedUntilItSucceeds) {
  const auto story = spoilt(
      [](World& world, Planted) {
        send_some(world, 2);
        world.broker_disk().fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed,
                                     FaultDisk::Repeat::once);
        send_some(world, 1);
        world.pass(seconds(2));
        world.cut_broker_power(1);
        EXPECT_TRUE(world.start_broker() || !world.words().empty());
      },
      DiskDefect::failed_sync_is_repeated);
  EXPECT_THAT(story.named, Contains(AnyOf(HasSubstr("no longer has"), HasSubstr("corrupt"),
                                          HasSubstr("chain_fork"))));
}

TEST_F(Defects, LogShortenedBelowWhatWasSynced) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 4);
    world.pass(seconds(3));
    world.kill_broker();
    if (planted == Planted::yes) {
      FaultDisk& disk = world.broker_disk();
      const auto names = disk.list("log");
      const auto segment = std::ranges::find_if(
          *names, [](const std::string& name) { return name.ends_with(".batches"); });
      ASSERT_NE(segment, names->end());
      const auto file = disk.open_write("log/" + *segment);
      ASSERT_TRUE(file.has_value());
      // Behind the founding's records: all that this run wrote is zeros.
      const std::uint64_t size = *(*file)->size();
      ASSERT_TRUE((*file)->truncate(24'000).has_value());
      ASSERT_TRUE((*file)->preallocate(size).has_value());
      ASSERT_TRUE((*file)->sync().has_value());
    }
    EXPECT_TRUE(world.start_broker() || !world.words().empty());
  });
  EXPECT_THAT(story.named, Contains(HasSubstr("corrupt")));
}

TEST_F(Defects, BrokerRestoredFromAnOlderCopyOfItsDisk) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 2);
    world.pass(seconds(2));
    world.kill_broker();
    FaultDisk copy;
    copy.become(world.broker_disk());
    EXPECT_TRUE(world.start_broker());
    EXPECT_TRUE(world.settle());
    for (const std::string& agency : kAgencies) world.connect(agency);
    send_some(world, 2);
    world.pass(seconds(2));
    world.kill_broker();
    if (planted == Planted::yes) world.broker_disk().become(copy);
    EXPECT_TRUE(world.start_broker() || !world.words().empty());
  });
  // It lets nobody in who knows of later entries; the exchange does not go on as if nothing were.
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::not_drained));
}

TEST_F(Defects, DeduplicationForgottenAtRestart) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 4);
    world.look(kCustoms);
    change_store(world, kCustoms,
                 planted == Planted::yes ? "DELETE FROM message_in; DELETE FROM cursor; "
                                           "DELETE FROM pair_in;"
                                         : "SELECT 1;");
    start_again(world, kCustoms);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::duplicated));
}

TEST_F(Defects, RedeliveryOffByOne) {
  const auto story = spoilt([](World& world, Planted planted) {
    if (planted == Planted::yes) {
      // An officer's reader whose own cursor is kept one event too early.
      world.application(kCustoms).plant(
          [last = std::optional<Record>()](std::vector<Record>& seen) mutable {
            for (const Record& record : std::vector<Record>(seen)) {
              if (std::holds_alternative<checker::Received>(record.what)) last = record;
              if (std::holds_alternative<checker::Restarted>(record.what) && last) {
                seen.push_back(*last);
              }
            }
          });
    }
    send_some(world, 3);
    world.look(kCustoms);
    world.kill_agent(kCustoms);
    start_again(world, kCustoms);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::duplicated));
}

TEST_F(Defects, TwoMessagesSwapped) {
  const auto story = spoilt([](World& world, Planted planted) {
    if (planted == Planted::yes) {
      world.application(kCustoms).plant(
          at_second_receive([](std::vector<Record>& seen, std::size_t place) {
            ASSERT_GT(place, 0u);
            std::swap(seen[place - 1], seen[place]);
          }));
    }
    send_some(world, 4);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::out_of_order));
}

TEST_F(Defects, OneOfManyDropped) {
  const auto story = spoilt([](World& world, Planted planted) {
    if (planted == Planted::yes) {
      world.application(kCustoms).plant(
          at_second_receive([](std::vector<Record>& seen, std::size_t place) {
            seen.erase(seen.begin() + static_cast<std::ptrdiff_t>(place));
          }));
    }
    send_some(world, 40);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::delivered_but_absent));
  EXPECT_EQ(story.report.findings.size(), 1u);
}

TEST_F(Defects, ContentAlteredAfterOpening) {
  const auto story = spoilt([](World& world, Planted planted) {
    if (planted == Planted::yes) {
      world.application(kCustoms).plant(
          at_second_receive([](std::vector<Record>& seen, std::size_t place) {
            std::get<checker::Received>(seen[place].what).content.back() ^= 1;
          }));
    }
    send_some(world, 3);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::altered));
}

TEST_F(Defects, AMessageNobodySent) {
  const auto story = spoilt([](World& world, Planted planted) {
    if (planted == Planted::yes) {
      world.application(kCustoms).plant(
          at_second_receive([](std::vector<Record>& seen, std::size_t place) {
            Record invented = seen[place];
            std::get<checker::Received>(invented.what).value = "kz.border-guard-999";
            seen.push_back(std::move(invented));
          }));
    }
    send_some(world, 3);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::never_sent));
}

TEST_F(Defects, RefusedAndDeliveredAllTheSame) {
  const auto story = spoilt([](World& world, Planted planted) {
    if (planted == Planted::yes) {
      world.application(kGuard).plant([](std::vector<Record>& seen) {
        for (Record& record : seen) {
          auto* ended = std::get_if<checker::SendEnded>(&record.what);
          if (ended != nullptr) ended->how = checker::HowEnded::failed;
        }
      });
    }
    send_some(world, 2);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::delivered_in_spite));
}

TEST_F(Defects, ReceiptForWhatWasDropped) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 3);
    world.look(kGuard);
    // The store lost what it had receipted, and its officers never saw it. 11: arrived; 15: link.
    change_store(world, kCustoms,
                 planted == Planted::yes ? "DELETE FROM message_in; "
                                           "UPDATE event SET type = 15 WHERE type = 11;"
                                         : "SELECT 1;");
    start_again(world, kCustoms);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::delivered_but_absent));
}

TEST_F(Defects, APartOfAFileLostAfterItsReceipt) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 1);
    world.send(kGuard, {{kCustoms}, Lane::routine, 0, {}, kFileBytes});
    world.pass(seconds(2));
    world.look(kGuard);
    change_store(world, kCustoms, planted == Planted::yes ? "DELETE FROM part;" : "SELECT 1;");
    start_again(world, kCustoms);
  });
  EXPECT_THAT(story.named, Contains(HasSubstr("a file said to be complete cannot be read")));
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::delivered_but_absent));
}

// Both know of the letter that it is there, and of its file that it is not.
TEST_F(Defects, APartOfAFileLostInTheOutbox) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 1);
    world.disconnect(kGuard);
    world.send(kGuard, {{kCustoms}, Lane::routine, 0, {}, kFileBytes});
    // 3: the bulk lane, where all parts are and nothing else is.
    change_store(world, kGuard,
                 planted == Planted::yes ? "DELETE FROM outbox WHERE key >> 56 = 3;" : "SELECT 1;");
    start_again(world, kGuard);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::not_drained));
}

TEST_F(Defects, OutboxRowLostAtRestart) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 2);
    world.disconnect(kGuard);
    world.send(kGuard, {{kCustoms}, Lane::routine, 0, {}});
    change_store(world, kGuard, planted == Planted::yes ? "DELETE FROM outbox;" : "SELECT 1;");
    start_again(world, kGuard);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::not_drained));
}

TEST_F(Defects, ClosedBatchLostAtRestart) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 2);
    // Sealed and stored, and cut off before the broker has it.
    world.send(kGuard, {{kCustoms}, Lane::routine, 0, {}});
    world.agent(kGuard).tick(ground().exchange().clock().now());
    world.disconnect(kGuard);
    change_store(world, kGuard,
                 planted == Planted::yes ? "DELETE FROM batch WHERE status = 1;" : "SELECT 1;");
    start_again(world, kGuard);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::not_drained));
}

TEST_F(Defects, RedoLogLostAtRestart) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 2);
    world.disconnect(kGuard);
    EXPECT_THAT(world.agent(kGuard).engine().publish(), IsOk());
    world.send(kGuard, {{kCustoms}, Lane::routine, 0, {}});
    world.kill_agent(kGuard);
    if (planted == Planted::yes) {
      EXPECT_THAT(world.disk_of(kGuard).remove("/" + std::string(kGuard) + "/store.sqlite-redo"),
                  IsOk());
    }
    start_again(world, kGuard);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::not_drained));
}

// No clock of its own tells an agent that what waits is over: both, and the broker's, must be
// wrong.
TEST_F(Defects, ExpiryByClocksThatJumpedTogether) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 2);
    world.disconnect(kGuard);
    world.send(kGuard, {{kCustoms}, Lane::routine, 0, {}});
    if (planted == Planted::yes) {
      world.set_agent_clock_ahead(kGuard, hours(24 * 9));
      world.agent(kGuard).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
        if (auto* welcome = std::get_if<wire::Welcome>(&frame)) {
          welcome->broker_time += hours(24 * 9);
        }
        if (auto* pong = std::get_if<wire::Pong>(&frame)) pong->broker_time += hours(24 * 9);
        return frame;
      });
    }
    world.connect(kGuard);
    world.pass(minutes(3), seconds(5));
    world.look(kGuard);
    world.agent(kGuard).lie({});
    world.set_agent_clock_ahead(kGuard, milliseconds(0));
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::expired_early));
}

// Of that there is an alert, and no event.
TEST_F(Defects, ACheckpointThatDoesNotVerify) {
  const auto story = spoilt([](World& world, Planted planted) {
    if (planted == Planted::yes) {
      world.agent(kCustoms).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
        if (auto* checkpoint = std::get_if<wire::Checkpoint>(&frame)) checkpoint->note = "no note";
        return frame;
      });
    }
    send_some(world, 2);
    world.pass(seconds(3));
    world.agent(kCustoms).lie({});
  });
  EXPECT_THAT(story.named, Contains(HasSubstr("a checkpoint that does not verify")));
}

TEST_F(Defects, AnAgentThatDoesNotStartOnAGoodDisk) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 2);
    change_store(world, kCustoms,
                 planted == Planted::yes ? "PRAGMA user_version = 99;" : "SELECT 1;");
    EXPECT_EQ(world.start_agent(kCustoms), planted == Planted::no);
  });
  EXPECT_THAT(story.named, Contains(HasSubstr("kz.customs does not start: unsupported")));
}

// It loses its files by itself: no call of its disk was told to fail.
TEST_F(Defects, ABrokerThatEndsItselfOnAGoodDisk) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 2);
    if (planted == Planted::yes) world.broker_disk().end_process();
    send_some(world, 1);
  });
  EXPECT_EQ(story.report.verdict, checker::Verdict::passed);
  EXPECT_THAT(story.named, Contains(HasSubstr("broker stops: io_failed")));
}

// What the disk was told to do is no finding.
TEST_F(Defects, NoneWhereADiskFailedAsItWasTold) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 2);
    if (planted == Planted::yes) {
      world.broker_disk().fail_nth(FaultDisk::Operation::sync, 1, ErrorCode::io_failed,
                                   FaultDisk::Repeat::once);
    }
    send_some(world, 1);
    EXPECT_EQ(world.broker().is_running(), planted == Planted::no);
  });
  EXPECT_EQ(story.report.verdict, checker::Verdict::passed);
  EXPECT_THAT(story.named, IsEmpty());
}

// Only what is sent once all is healed meets it.
TEST_F(Defects, AnAgentThatTakesNothingMore) {
  const auto story = spoilt([](World& world, Planted planted) {
    send_some(world, 2);
    world.pass(seconds(2));
    change_store(world, kCustoms,
                 planted == Planted::yes
                     ? "CREATE TRIGGER nothing_more BEFORE INSERT ON message_out "
                       "BEGIN SELECT RAISE(ABORT, 'nothing more'); END;"
                     : "SELECT 1;");
    start_again(world, kCustoms);
  });
  EXPECT_THAT(story.named, Contains(HasSubstr("kz.customs: takes no message")));
}

TEST_F(Defects, ABrokerThatShowsADeliveryToNobody) {
  const auto story = spoilt([](World& world, Planted planted) {
    if (planted == Planted::yes) {
      world.agent(kCustoms).lie([](wire::Frame frame) -> std::optional<wire::Frame> {
        if (std::holds_alternative<wire::DeliverSlice>(frame)) return std::nullopt;
        return frame;
      });
    }
    send_some(world, 3);
  });
  EXPECT_THAT(story.report.findings, a_finding(FindingKind::not_drained));
}

}  // namespace
}  // namespace keruen::simulation
