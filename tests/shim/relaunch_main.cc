// SPDX-License-Identifier: Apache-2.0
// Starts the tests as a program inside a grant is started: `--way=preload|layer|preload_and_layer`
// puts libmelon.so into the environment and executes the same program again. `--way=linked`: it is
// in the program already.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

constexpr char kOption[] = "--way=";

int relaunch(char** argv, const std::string& way) {
  setenv("OCL_ICD_VENDORS", MELON_SIM_DRIVER, 1);
  if (way.starts_with("preload")) setenv("LD_PRELOAD", MELON_LIBRARY, 1);
  if (way.ends_with("layer")) setenv("OPENCL_LAYERS", MELON_LIBRARY, 1);
  execv("/proc/self/exe", argv);
  std::perror("execv");
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const char* const last = argv[argc - 1];
  if (std::strncmp(last, kOption, sizeof kOption - 1) == 0) {
    const std::string way = last + sizeof kOption - 1;
    argv[argc - 1] = nullptr;
    return relaunch(argv, way);
  }
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
