// SPDX-License-Identifier: Apache-2.0
// Starts the tests as a program inside a grant is started: `--way=preload|layer|preload_and_layer`
// puts libmelon.so into the environment and executes the same program again. `--way=linked`: it is
// in the program already. Tenants are no root: as root, the tests are run by another user.

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#ifndef MELON_LIBRARY
#define MELON_LIBRARY ""  // it is in the program already, and only that way is tried
#endif

namespace {

constexpr char kOption[] = "--way=";

constexpr uid_t kTenantUser = 65534;

// What that user cannot reach, in a build folder below a private one; null: nothing.
const char* out_of_reach() {
  const char* found = nullptr;
  if (setegid(kTenantUser) != 0 || seteuid(kTenantUser) != 0) return "another user's id";
  for (const char* const path : {MELON_SIM_DRIVER, MELON_LIBRARY, MELON_FIXTURE})
    if (path[0] != 0 && faccessat(AT_FDCWD, path, R_OK | X_OK, AT_EACCESS) != 0) found = path;
  if (seteuid(0) != 0 || setegid(0) != 0) _exit(1);
  return found;
}

void become_tenant() {
  if (geteuid() != 0) return;
  if (const char* const path = out_of_reach(); path != nullptr) {
    std::fprintf(stderr, "NOT TRIED as an unprivileged user, who cannot reach %s\n", path);
    return;
  }
  if (setgroups(0, nullptr) != 0 || setgid(kTenantUser) != 0 || setuid(kTenantUser) != 0) _exit(1);
}

int relaunch(char** argv, const std::string& way) {
  setenv("OCL_ICD_VENDORS", MELON_SIM_DRIVER, 1);
  if (way.starts_with("preload")) setenv("LD_PRELOAD", MELON_LIBRARY, 1);
  if (way.ends_with("layer")) setenv("OPENCL_LAYERS", MELON_LIBRARY, 1);
  become_tenant();
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
