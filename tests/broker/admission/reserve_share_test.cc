// What one agency may take of what a full disk keeps for everybody.
#include "broker/admission/reserve_share.h"

#include "tests/support/matchers.h"
#include "tests/support/test_exchange.h"

namespace keruen::admission {
namespace {

using Use = ReserveShare::Use;

const AgencyId kGuard = agency_named("kz.border-guard");
const AgencyId kCustoms = agency_named("kz.customs");

TEST(ReserveShare, IsAQuarterOfWhatIsLeftForOthers) {
  ReserveShare share;
  EXPECT_TRUE(share.allows(kCustoms, Use::receipts_and_keys, 250, 1000));
  EXPECT_FALSE(share.allows(kCustoms, Use::receipts_and_keys, 251, 1000));
  share.add(kCustoms, Use::receipts_and_keys, 200);
  EXPECT_TRUE(share.allows(kCustoms, Use::receipts_and_keys, 0, 800));
  EXPECT_FALSE(share.allows(kCustoms, Use::receipts_and_keys, 1, 800));
  EXPECT_TRUE(share.allows(kGuard, Use::receipts_and_keys, 200, 800));
}

TEST(ReserveShare, CountsRevocationsApart) {
  ReserveShare share;
  share.add(kCustoms, Use::receipts_and_keys, 250);
  EXPECT_FALSE(share.allows(kCustoms, Use::receipts_and_keys, 1, 750));
  EXPECT_TRUE(share.allows(kCustoms, Use::revocations, 187, 750));
  EXPECT_FALSE(share.allows(kCustoms, Use::revocations, 188, 750));
}

TEST(ReserveShare, ForgetsWhatIsTakenBackAndAllOfItWhenThereIsRoom) {
  ReserveShare share;
  share.add(kCustoms, Use::receipts_and_keys, 200);
  share.add(kCustoms, Use::receipts_and_keys, 50);
  share.take_back(kCustoms, Use::receipts_and_keys, 50);
  EXPECT_EQ(share.taken(kCustoms, Use::receipts_and_keys), 200u);
  share.forget();
  EXPECT_EQ(share.taken(kCustoms, Use::receipts_and_keys), 0u);
}

}  // namespace
}  // namespace keruen::admission
