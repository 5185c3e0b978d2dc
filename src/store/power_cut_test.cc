// SPDX-License-Identifier: Apache-2.0
// The SQLite store when the power goes: what was not synced is there in part, or not at all.
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <new>
#include <random>
#include <vector>

#include "store/grant_samples.h"

namespace melon::store {
namespace {

constexpr std::size_t kSector = 512;  // what a disk writes whole

/// One operation on a file that no sync has made durable yet.
struct Unsynced {
  std::size_t at = 0;
  std::string bytes = {};
  bool cuts = false;  // the file ends at `at` instead
};

struct DiskFile {
  std::string durable = {};
  std::vector<Unsynced> unsynced = {};
  bool removed = false;  // and the folder was not synced since
  bool syncs_folder = false;
};

void perform(const Unsynced& operation, std::string& content) {
  if (operation.cuts) {
    content.resize(operation.at);
    return;
  }
  content.resize(std::max(content.size(), operation.at + operation.bytes.size()));
  operation.bytes.copy(content.data() + operation.at, operation.bytes.size());
}

/// What a power cut leaves of a file: of what no sync has made durable, any sectors.
std::string after_the_cut(const DiskFile& file, std::mt19937& random) {
  std::string content = file.durable;
  for (const Unsynced& operation : file.unsynced) {
    if (operation.cuts) {
      if (random() % 2 == 0) perform(operation, content);
      continue;
    }
    for (std::size_t from = 0; from < operation.bytes.size(); from += kSector)
      if (random() % 2 == 0)
        perform({operation.at + from, operation.bytes.substr(from, kSector)}, content);
  }
  return content;
}

/// What the files of one folder are on a disk whose writes last only once they are synced, kept
/// beside the real files by a layer under SQLite (www.sqlite.org/vfs.html).
class Disk {
 public:
  std::map<std::string, DiskFile> files;
  std::function<void()> before_each = [] {};  // what may observe the disk

  void open(const std::string& path, bool is_new_log) {
    DiskFile& file = files[path];
    file.removed = false;
    file.syncs_folder = is_new_log;
  }

  void change(const std::string& path, Unsynced operation) {
    before_each();
    files[path].unsynced.push_back(std::move(operation));
  }

  /// As SQLite does on Unix, the folder is synced with a new log's first sync.
  void sync(const std::string& path) {
    before_each();
    DiskFile& file = files[path];
    if (file.syncs_folder)
      std::erase_if(files, [](const auto& other) { return other.second.removed; });
    file.syncs_folder = false;
    for (const Unsynced& operation : file.unsynced) perform(operation, file.durable);
    file.unsynced.clear();
  }

  void remove(const std::string& path, bool durably) {
    before_each();
    if (durably)
      files.erase(path);
    else
      files[path].removed = true;
  }
};

Disk* disk = nullptr;

/// A file of the layer; SQLite's own stands behind it in the same piece of memory.
struct LayeredFile {
  sqlite3_file base;
  std::string* path;  // null: a temporary one
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

LayeredFile* layered(sqlite3_file* file) { return reinterpret_cast<LayeredFile*>(file); }
sqlite3_file* real(sqlite3_file* file) { return layered(file)->real(); }
sqlite3_vfs* real(sqlite3_vfs* vfs) { return static_cast<sqlite3_vfs*>(vfs->pAppData); }

int close_file(sqlite3_file* file) {
  delete layered(file)->path;
  return real(file)->pMethods->xClose(real(file));
}
int read_file(sqlite3_file* file, void* out, int size, sqlite3_int64 at) {
  return real(file)->pMethods->xRead(real(file), out, size, at);
}
int write_file(sqlite3_file* file, const void* bytes, int size, sqlite3_int64 at) {
  if (layered(file)->path != nullptr)
    disk->change(*layered(file)->path,
                 {static_cast<std::size_t>(at),
                  {static_cast<const char*>(bytes), static_cast<std::size_t>(size)}});
  return real(file)->pMethods->xWrite(real(file), bytes, size, at);
}
int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  if (layered(file)->path != nullptr)
    disk->change(*layered(file)->path, {.at = static_cast<std::size_t>(size), .cuts = true});
  return real(file)->pMethods->xTruncate(real(file), size);
}
int sync_file(sqlite3_file* file, int flags) {
  static_cast<void>(flags);  // the real disk need not sync
  if (layered(file)->path != nullptr) disk->sync(*layered(file)->path);
  return SQLITE_OK;
}
int size_of_file(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int lock_file(sqlite3_file* file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}
int unlock_file(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
int is_reserved(sqlite3_file* file, int* out) {
  return real(file)->pMethods->xCheckReservedLock(real(file), out);
}
int control_file(sqlite3_file* file, int operation, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
int sector_size(sqlite3_file* /*file*/) { return kSector; }
int characteristics(sqlite3_file* /*file*/) { return 0; }  // nothing that a poor disk may not do

const sqlite3_io_methods kMethods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_of_file,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = is_reserved,
    .xFileControl = control_file,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = characteristics,
    .xShmMap = nullptr,
    .xShmLock = nullptr,
    .xShmBarrier = nullptr,
    .xShmUnmap = nullptr,
    .xFetch = nullptr,
    .xUnfetch = nullptr,
};

int open_file(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  auto* const mine = new (file) LayeredFile();
  const int code = real(vfs)->xOpen(real(vfs), name, mine->real(), flags, out_flags);
  if (code != SQLITE_OK) return code;  // without methods nothing is closed
  constexpr int kKept = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
  if (name != nullptr && (flags & kKept) != 0) {
    mine->path = new std::string(name);
    disk->open(name, (flags & SQLITE_OPEN_MAIN_DB) == 0 && (flags & SQLITE_OPEN_CREATE) != 0);
  }
  mine->base.pMethods = &kMethods;
  return SQLITE_OK;
}

int remove_file(sqlite3_vfs* vfs, const char* name, int sync_folder) {
  disk->remove(name, sync_folder != 0);
  return real(vfs)->xDelete(real(vfs), name, 0);
}

/// The layer is what SQLite uses while this lives.
class LayerInUse {
 public:
  explicit LayerInUse(Disk& under) {
    disk = &under;
    sqlite3_vfs* const below = sqlite3_vfs_find(nullptr);
    vfs_ = *below;
    vfs_.szOsFile = static_cast<int>(sizeof(LayeredFile)) + below->szOsFile;
    vfs_.zName = "melon-power-cut";
    vfs_.pNext = nullptr;
    vfs_.pAppData = below;
    vfs_.xOpen = open_file;
    vfs_.xDelete = remove_file;
    sqlite3_vfs_register(&vfs_, 1);
  }
  LayerInUse(const LayerInUse&) = delete;
  LayerInUse& operator=(const LayerInUse&) = delete;
  ~LayerInUse() { sqlite3_vfs_unregister(&vfs_); }

 private:
  sqlite3_vfs vfs_ = {};
};

/// The disk at one moment, and how many changes had been acknowledged.
struct Moment {
  std::map<std::string, DiskFile> files;
  int acknowledged = 0;
};

Change change_of(int number) {
  Change change{.put = {full_grant(number)},
                .events = {{number + 1, number, "created", full_grant(number).name, ""}}};
  change.put[0].arguments.emplace_back(static_cast<std::size_t>(number % 7) * 3000, 'x');
  return change;
}

constexpr int kChanges = 400;  // enough for the log to be folded into the database several times

/// A run of changes, each acknowledged in turn, seen at about one of `one_in` moments.
std::vector<Moment> moments_of_a_run(const std::string& path, int one_in, std::mt19937& random) {
  Disk writes;
  std::vector<Moment> moments;
  int acknowledged = -1;  // the database is not there yet
  writes.before_each = [&] {
    if (random() % static_cast<unsigned>(one_in) == 0 && acknowledged >= 0)
      moments.push_back({writes.files, acknowledged});
  };
  const LayerInUse layer(writes);
  const auto store = open_sqlite(path);
  EXPECT_TRUE(store);
  for (acknowledged = 0; acknowledged < kChanges; ++acknowledged)
    EXPECT_TRUE((*store)->apply(change_of(acknowledged)));
  return moments;
}

void put_on_a_new_disk(const Moment& moment, const std::filesystem::path& folder,
                       std::mt19937& random) {
  for (const auto& [path, file] : moment.files)
    if (!file.removed || random() % 2 == 0)
      std::ofstream(folder / std::filesystem::path(path).filename(), std::ios::binary)
          << after_the_cut(file, random);
}

TEST(PowerCut, NothingAcknowledgedIsLostAndNothingIsThereInPart) {
  std::mt19937 random(20261122);
  const TestFolder folder;
  const std::vector<Moment> moments = moments_of_a_run(folder / "state.db", 60, random);
  ASSERT_GT(moments.size(), 20U);
  for (const Moment& moment : moments) {
    const TestFolder after;
    put_on_a_new_disk(moment, after.path(), random);
    Disk next;
    const LayerInUse layer(next);
    const auto store = open_sqlite(after / "state.db");
    ASSERT_TRUE(store) << store.error().message << " after " << moment.acknowledged;
    const auto there = (*store)->grants();
    ASSERT_TRUE(there);
    const auto number = static_cast<int>(there->size());
    // The one that was being written may have come through, whole.
    EXPECT_THAT(number, testing::AnyOf(moment.acknowledged, moment.acknowledged + 1));
    for (int i = 0; i < number; ++i)
      EXPECT_EQ((*there)[static_cast<std::size_t>(i)], change_of(i).put[0]);
    EXPECT_EQ((*store)->events({})->size(), there->size());
    EXPECT_TRUE((*store)->apply(change_of(kChanges)));  // and it goes on
  }
}

}  // namespace
}  // namespace melon::store
