// SPDX-License-Identifier: Apache-2.0
// Where a daemon finds its configuration and keeps its things, for root and for a user.
#include "agent/places.h"

#include <gtest/gtest.h>

namespace melon::agent {
namespace {

const Surroundings kRoot{.uid = 0, .config_home = "/root/.config"};
const Surroundings kUser{.uid = 1000,
                         .state_home = "/home/ada/.local/state",
                         .config_home = "/home/ada/.config",
                         .runtime_dir = "/run/user/1000"};

TEST(ConfigFile, OfTheMachineIsNotForAUsersDaemon) {
  EXPECT_EQ(config_file({}, kRoot), "/etc/melon/melon.yaml");
  EXPECT_EQ(config_file({}, kUser), "/home/ada/.config/melon/melon.yaml");
  EXPECT_EQ(config_file({.config_file = "/tmp/a.yaml"}, kUser), "/tmp/a.yaml");
}

TEST(Places, AreTheMachinesForRootAndTheUsersElse) {
  const auto machine = places_of({}, {}, kRoot);
  ASSERT_TRUE(machine);
  EXPECT_EQ(machine->state_folder, "/var/lib/melon");
  EXPECT_EQ(machine->socket, "/run/melon/melon.sock");
  const auto own = places_of({}, {}, kUser);
  ASSERT_TRUE(own);
  EXPECT_EQ(own->state_folder, "/home/ada/.local/state/melon");
  EXPECT_EQ(own->socket, "/run/user/1000/melon/melon.sock");
}

TEST(Places, ANamedStateFolderHoldsTheSocketToo) {
  const auto named = places_of({.state_folder = "/srv/m"}, {}, kRoot);
  ASSERT_TRUE(named);
  EXPECT_EQ(named->socket, "/srv/m/melon.sock");
}

}  // namespace
}  // namespace melon::agent
