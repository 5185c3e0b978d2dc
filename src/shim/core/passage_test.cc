// SPDX-License-Identifier: Apache-2.0
// The passage is open exactly while nothing limits the grant, and never in a forked child.

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "shim/core/test_grants.h"

namespace melon::shim {
namespace {

/// A grant that nothing limits.
class OpenPassage : public testing::Test {
 protected:
  void SetUp() override {
    grants_.add("g", {});
    tenant_ = grants_.open("g");
    ASSERT_TRUE(tenant_->passage().open());
  }

  /// One launch that asks, since something has moved.
  void launch() {
    const Launch launch = tenant_->admit(0, queue_, 1, Order::kInOrder);
    if (launch.flight != nullptr) tenant_->finish(launch.flight, 0, 0);
  }

  /// Closed at once, without a call of the tenant; and open again when `back` is in force.
  void expect_closed_until(const TestLimits& limits, const TestLimits& back) {
    grants_.set("g", limits);
    EXPECT_FALSE(tenant_->passage().open());
    grants_.set("g", back);
    EXPECT_FALSE(tenant_->passage().open()) << "before anybody has looked";
    launch();
    EXPECT_TRUE(tenant_->passage().open());
  }

  TestGrants grants_;
  Tenant* tenant_ = nullptr;
  QueueState queue_;
};

TEST_F(OpenPassage, ALimitClosesIt) { expect_closed_until({.compute_permille = 500}, {}); }

TEST_F(OpenPassage, ACeilingClosesIt) { expect_closed_until({.ceiling_permille = 500}, {}); }

TEST_F(OpenPassage, SuspensionClosesIt) { expect_closed_until({.suspended = true}, {}); }

TEST_F(OpenPassage, ALimitKeepsItClosed) {
  grants_.set("g", {.compute_permille = 900});
  launch();
  EXPECT_TRUE(tenant_->pacing(0));
  EXPECT_FALSE(tenant_->passage().open());
}

TEST_F(OpenPassage, ANeighbourClosesIt) {
  grants_.add("neighbour", {.share = abi::Share::kWeighted});
  EXPECT_FALSE(tenant_->passage().open());
  launch();
  EXPECT_TRUE(tenant_->pacing(0));
  EXPECT_FALSE(tenant_->passage().open());
}

TEST_F(OpenPassage, AForkedChildHasNone) {
  const pid_t child = static_cast<pid_t>(syscall(SYS_fork));
  if (child == 0) _exit(tenant_->passage().open() ? 1 : 0);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(tenant_->passage().open());
}

TEST_F(OpenPassage, CountsReachTheLedger) {
  const std::uint64_t before = tenant_->report(0).launches;
  std::uint64_t passed = 0;
  for (int i = 0; i < 1000; ++i) {
    if (count_unlimited(queue_))
      ++passed;
    else
      tenant_->admit(0, queue_, 1, Order::kInOrder);
  }
  EXPECT_GT(passed, 900u);
  tenant_->close_queue(0, queue_);
  EXPECT_EQ(tenant_->report(0).launches, before + 1000);
}

TEST(Passage, WithoutAGrantItIsClosed) {
  EXPECT_FALSE(Tenant::open(nullptr, real_clock())->passage().open());
}

}  // namespace
}  // namespace melon::shim
