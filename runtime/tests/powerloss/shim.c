/*
 * A file layer for tests, preloaded into a process that keeps its files in one folder.
 *
 * It writes down, in one order, what the process does to the files of the folder: what is written, and what is
 * synced. From that the test builds what a disk would hold after a loss of power. What the process writes to the file
 * `acknowledged` beside the folder is written down too, as what it has promised.
 *
 * It also stands for a disk of a given size: beyond it, writes fail as on a full one. The size is read from the file
 * `disk_bytes` beside the folder whenever it matters, so that a test can free and fill the disk.
 *
 *   SHIM_FOLDER  the folder, absolute and without links
 *   SHIM_LOG     where to write it down; nothing is written down when it is not set
 *
 * Memory maps are not seen. SQLite maps its `-shm` file only, which it makes anew at every start.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static char folder[PATH_MAX];
static char parent[PATH_MAX];
static int log_fd = -1;
static int ready = 0;
static int has_quota = 0;
/* One order for everything: no call of ours overlaps another. */
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    const char *where = getenv("SHIM_FOLDER");
    if (!where || !realpath(where, folder))
        return;
    snprintf(parent, sizeof parent, "%s", folder);
    char *slash = strrchr(parent, '/');
    if (slash)
        *slash = 0;
    char quota[PATH_MAX + 16];
    snprintf(quota, sizeof quota, "%s/disk_bytes", parent);
    has_quota = access(quota, F_OK) == 0;
    const char *log = getenv("SHIM_LOG");
    if (log)
        log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* The children of the process are none of ours. */
    unsetenv("LD_PRELOAD");
    ready = 1;
}

/* One record: kind, inode, offset, and two texts or a text and bytes. Little-endian, as the machine is. */
struct head {
    uint8_t kind;
    uint8_t pad[3];
    uint32_t name_bytes;
    uint64_t inode;
    uint64_t offset;
    uint64_t data_bytes;
};

static void put(const void *bytes, size_t count) {
    const char *at = bytes;
    while (count > 0) {
        ssize_t put = syscall(SYS_write, log_fd, at, count);
        if (put <= 0)
            abort();
        at += put;
        count -= (size_t)put;
    }
}

static void record(char kind, uint64_t inode, uint64_t offset, const char *name, const void *data, size_t bytes) {
    if (log_fd < 0)
        return;
    struct head head = {.kind = (uint8_t)kind, .name_bytes = (uint32_t)strlen(name), .inode = inode,
                        .offset = offset, .data_bytes = bytes};
    put(&head, sizeof head);
    put(name, strlen(name));
    put(data, bytes);
}

/* What a descriptor is: nothing to us, a file of the folder, the folder itself, or the promises. */
enum kind { OTHER, INSIDE, FOLDER, PROMISES };

static enum kind kind_of_path(const char *path, char *name) {
    size_t length = strlen(folder);
    if (strcmp(path, folder) == 0)
        return FOLDER;
    if (strncmp(path, folder, length) == 0 && path[length] == '/') {
        snprintf(name, NAME_MAX + 1, "%.*s", NAME_MAX, path + length + 1);
        return INSIDE;
    }
    length = strlen(parent);
    if (strncmp(path, parent, length) == 0 && strcmp(path + length, "/acknowledged") == 0)
        return PROMISES;
    return OTHER;
}

static enum kind kind_of(int fd, char *name, struct stat *status) {
    if (!ready)
        return OTHER;
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0)
        return OTHER;
    path[length] = 0;
    enum kind kind = kind_of_path(path, name);
    if (kind != OTHER && fstat(fd, status) != 0)
        return OTHER;
    return kind;
}

/* Whether the disk has room for a file to become longer. Only lengths count, in whole pages. */
static int has_room(const struct stat *status, uint64_t length) {
    if (!has_quota || length <= (uint64_t)status->st_size)
        return 1;
    char path[2 * PATH_MAX], text[32] = {0};
    snprintf(path, sizeof path, "%s/disk_bytes", parent);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return 1;
    ssize_t got = syscall(SYS_read, fd, text, sizeof text - 1);
    syscall(SYS_close, fd);
    uint64_t most = got > 0 ? strtoull(text, NULL, 10) : 0;
    uint64_t used = 0;
    DIR *entries = opendir(folder);
    struct dirent *entry;
    while (entries && (entry = readdir(entries))) {
        struct stat other;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &other) == 0 && S_ISREG(other.st_mode))
            used += ((uint64_t)other.st_size + 4095) / 4096 * 4096;
    }
    if (entries)
        closedir(entries);
    uint64_t grown = (length + 4095) / 4096 * 4096 - ((uint64_t)status->st_size + 4095) / 4096 * 4096;
    return used + grown <= most;
}

static ssize_t written(int fd, const void *bytes, size_t count, off64_t offset, int positioned) {
    char name[NAME_MAX + 1] = "";
    struct stat status;
    pthread_mutex_lock(&order);
    enum kind kind = kind_of(fd, name, &status);
    off64_t at = offset;
    if (kind == INSIDE && !positioned)
        at = (fcntl(fd, F_GETFL) & O_APPEND) ? status.st_size : lseek64(fd, 0, SEEK_CUR);
    ssize_t result;
    if (kind == INSIDE && !has_room(&status, (uint64_t)at + count)) {
        errno = ENOSPC;
        result = -1;
    } else if (positioned) {
        result = syscall(SYS_pwrite64, fd, bytes, count, offset);
    } else {
        result = syscall(SYS_write, fd, bytes, count);
    }
    int error = errno;
    if (kind == INSIDE && result > 0)
        record('W', status.st_ino, (uint64_t)at, name, bytes, (size_t)result);
    if (kind == PROMISES && result > 0)
        record('A', 0, 0, "", bytes, (size_t)result);
    pthread_mutex_unlock(&order);
    errno = error;
    return result;
}

ssize_t write(int fd, const void *bytes, size_t count) { return written(fd, bytes, count, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return written(fd, bytes, count, at, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { return written(fd, bytes, count, at, 1); }

ssize_t writev(int fd, const struct iovec *parts, int count) {
    char name[NAME_MAX + 1];
    struct stat status;
    if (kind_of(fd, name, &status) == OTHER)
        return syscall(SYS_writev, fd, parts, count);
    /* Fewer bytes than asked for are a right answer. */
    for (int part = 0; part < count; part++)
        if (parts[part].iov_len > 0)
            return written(fd, parts[part].iov_base, parts[part].iov_len, 0, 0);
    return 0;
}

static int resized(int fd, off64_t length) {
    char name[NAME_MAX + 1] = "";
    struct stat status;
    pthread_mutex_lock(&order);
    enum kind kind = kind_of(fd, name, &status);
    int result;
    if (kind == INSIDE && !has_room(&status, (uint64_t)length)) {
        errno = ENOSPC;
        result = -1;
    } else {
        result = (int)syscall(SYS_ftruncate, fd, length);
    }
    int error = errno;
    if (kind == INSIDE && result == 0)
        record('T', status.st_ino, (uint64_t)length, name, "", 0);
    pthread_mutex_unlock(&order);
    errno = error;
    return result;
}

int ftruncate(int fd, off_t length) { return resized(fd, length); }
int ftruncate64(int fd, off64_t length) { return resized(fd, length); }

/* Nobody in the folder needs it; failing keeps it from going unseen. */
int fallocate(int fd, int mode, off_t at, off_t length) {
    (void)fd, (void)mode, (void)at, (void)length;
    errno = EOPNOTSUPP;
    return -1;
}
int fallocate64(int fd, int mode, off64_t at, off64_t length) { return fallocate(fd, mode, at, length); }
int posix_fallocate(int fd, off_t at, off_t length) {
    (void)fd, (void)at, (void)length;
    return EOPNOTSUPP;
}
int posix_fallocate64(int fd, off64_t at, off64_t length) { return posix_fallocate(fd, at, length); }

static int synced(int fd, long call) {
    char name[NAME_MAX + 1] = "";
    struct stat status;
    pthread_mutex_lock(&order);
    enum kind kind = kind_of(fd, name, &status);
    /* Nothing of the test outlives the machine: that it is asked for is what counts. */
    int result = kind == OTHER ? (int)syscall(call, fd) : 0;
    int error = errno;
    if (kind == INSIDE)
        record('S', status.st_ino, 0, name, "", 0);
    if (kind == FOLDER)
        record('D', 0, 0, "", "", 0);
    pthread_mutex_unlock(&order);
    errno = error;
    return result;
}

int fsync(int fd) { return synced(fd, SYS_fsync); }
int fdatasync(int fd) { return synced(fd, SYS_fdatasync); }

/* The absolute path without links of what may not exist yet. */
static int absolute(const char *path, char *result) {
    char copy[PATH_MAX], above[PATH_MAX];
    if (strlen(path) >= sizeof copy)
        return 0;
    snprintf(copy, sizeof copy, "%s", path);
    char *slash = strrchr(copy, '/');
    const char *name = path;
    if (slash) {
        name = slash + 1;
        *slash = 0;
    }
    if (!realpath(slash ? (*copy ? copy : "/") : ".", above))
        return 0;
    int length = snprintf(result, PATH_MAX, "%s/%s", above, name);
    return length > 0 && length < PATH_MAX;
}

static enum kind kind_of_name(const char *path, char *name) {
    char whole[PATH_MAX];
    return ready && path && absolute(path, whole) ? kind_of_path(whole, name) : OTHER;
}

static int opened(int at, const char *path, int flags, mode_t mode) {
    char name[NAME_MAX + 1] = "";
    int ours = at == AT_FDCWD || (path && path[0] == '/');
    if (!ready || !ours || !(flags & (O_CREAT | O_TRUNC)) || kind_of_name(path, name) != INSIDE)
        return (int)syscall(SYS_openat, at, path, flags, mode);
    pthread_mutex_lock(&order);
    int existed = access(path, F_OK) == 0;
    int result = (int)syscall(SYS_openat, at, path, flags, mode);
    int error = errno;
    struct stat status;
    if (result >= 0 && fstat(result, &status) == 0) {
        if (!existed)
            record('C', status.st_ino, 0, name, "", 0);
        else if (flags & O_TRUNC)
            record('T', status.st_ino, 0, name, "", 0);
    }
    pthread_mutex_unlock(&order);
    errno = error;
    return result;
}

#define WITH_MODE                                                                                                      \
    mode_t mode = 0;                                                                                                   \
    if (flags & (O_CREAT | O_TMPFILE)) {                                                                               \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

int open(const char *path, int flags, ...) {
    WITH_MODE
    return opened(AT_FDCWD, path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    WITH_MODE
    return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
int openat(int at, const char *path, int flags, ...) {
    WITH_MODE
    return opened(at, path, flags, mode);
}
int openat64(int at, const char *path, int flags, ...) {
    WITH_MODE
    return opened(at, path, flags | O_LARGEFILE, mode);
}

int unlink(const char *path) {
    char name[NAME_MAX + 1] = "";
    pthread_mutex_lock(&order);
    enum kind kind = kind_of_name(path, name);
    int result = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
    int error = errno;
    if (kind == INSIDE && result == 0)
        record('U', 0, 0, name, "", 0);
    pthread_mutex_unlock(&order);
    errno = error;
    return result;
}

int rename(const char *from, const char *to) {
    char name[NAME_MAX + 1] = "", other[NAME_MAX + 1] = "";
    pthread_mutex_lock(&order);
    enum kind kind = kind_of_name(from, name);
    enum kind target = kind_of_name(to, other);
    int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    int error = errno;
    if (kind == INSIDE && target == INSIDE && result == 0)
        record('R', 0, 0, name, other, strlen(other));
    pthread_mutex_unlock(&order);
    errno = error;
    return result;
}
