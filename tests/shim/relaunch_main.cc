// SPDX-License-Identifier: Apache-2.0
// Starts the tests as a program inside a grant is started: `--way=preload|layer|preload_and_layer`
// puts libmelon.so into the environment and executes the same program again. `--way=linked`: it is
// in the program already. Tenants are no root: as root, the tests are run by another user.

#include <fcntl.h>
#include <grp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#ifndef MELON_LIBRARY
#define MELON_LIBRARY ""  // it is in the program already, and only that way is tried
#endif

namespace {

namespace fs = std::filesystem;

constexpr char kOption[] = "--way=";
constexpr char kCopies[] = "MELON_TEST_COPIES";

constexpr uid_t kTenantUser = 65534;

// True: this user and group may be taken. `reachable` then: that user can use these files.
bool try_tenant(const std::vector<std::string>& files, bool& reachable) {
  if (setegid(kTenantUser) != 0 || seteuid(kTenantUser) != 0) return false;
  reachable = std::all_of(files.begin(), files.end(), [](const std::string& path) {
    return path.empty() || faccessat(AT_FDCWD, path.c_str(), R_OK | X_OK, AT_EACCESS) == 0;
  });
  if (seteuid(0) != 0 || setegid(0) != 0) _exit(1);
  return true;
}

// Copies for that user, below a private build folder; the tests' own process removes them.
void copy_files(std::vector<std::string>& files) {
  std::string folder = (fs::temp_directory_path() / "melon-tenant-XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr || chmod(folder.c_str(), 0755) != 0 ||
      chown(folder.c_str(), kTenantUser, kTenantUser) != 0)
    _exit(1);
  for (std::string& path : files) {
    if (path.empty()) continue;
    const fs::path copy = folder / fs::path(path).filename();
    fs::copy_file(path, copy);
    fs::permissions(copy, fs::perms(0755));
    path = copy.string();
  }
  setenv(kCopies, folder.c_str(), 1);
}

void become_tenant() {
  if (geteuid() != 0) return;
  if (setgroups(0, nullptr) != 0 || setgid(kTenantUser) != 0 || setuid(kTenantUser) != 0) _exit(1);
}

int relaunch(char** argv, const std::string& way) {
  std::vector<std::string> files = {MELON_SIM_DRIVER, MELON_LIBRARY, MELON_FIXTURE};
  bool reachable = true;
  const bool has_tenant = geteuid() == 0 && try_tenant(files, reachable);
  if (has_tenant && !reachable) copy_files(files);
  setenv("OCL_ICD_VENDORS", files[0].c_str(), 1);
  setenv("MELON_TEST_FIXTURE", files[2].c_str(), 1);  // scene.cc
  if (way.starts_with("preload")) setenv("LD_PRELOAD", files[1].c_str(), 1);
  if (way.ends_with("layer")) setenv("OPENCL_LAYERS", files[1].c_str(), 1);
  if (has_tenant)
    become_tenant();
  else if (geteuid() == 0)
    std::fprintf(stderr, "NOT TRIED as an unprivileged user: this root may become nobody else\n");
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
  const char* const named = std::getenv(kCopies);
  const std::string copies = named != nullptr ? named : "";
  unsetenv(kCopies);  // tests start this program again
  testing::InitGoogleTest(&argc, argv);
  const int failed = RUN_ALL_TESTS();
  std::error_code ignored;
  if (!copies.empty()) fs::remove_all(copies, ignored);
  return failed;
}
