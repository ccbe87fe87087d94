/* What libtessera_ffmpeg.so offers: one exported function that hands out a table.
 *
 * Plain C, so that the module may be built by another compiler. Rules of growth: fields are only
 * appended, a reader looks at struct_size before it uses a field, and a change that breaks them
 * counts the version up. Strings are UTF-8 and end in a zero. Texts of errors are cut to fit.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TESSERA_FFMPEG_ABI_VERSION 1
#define TESSERA_FFMPEG_ENTRY "tessera_ffmpeg_api"

typedef struct tessera_ffmpeg_encoder tessera_ffmpeg_encoder;

/* A film to be written: H.264, yuv420p, BT.709 limited range, chroma sited left, faststart. */
typedef struct tessera_ffmpeg_settings {
  size_t struct_size;
  int32_t width, height;                    /* even */
  int32_t rate_numerator, rate_denominator; /* frames per second */
  int32_t crf;                              /* 0 to 51, for encoders that know it */
  const char* path;                         /* written directly; the caller renames */
} tessera_ffmpeg_settings;

typedef struct tessera_ffmpeg_table {
  size_t struct_size;
  uint32_t abi_version;

  /* Such as "59.37.100 (libavcodec)". */
  const char* (*version)(void);

  /* Name of the H.264 encoder that opens on this machine, NULL if none does. */
  const char* (*encoder_name)(void);

  /* NULL on failure, with the reason in `error`. */
  tessera_ffmpeg_encoder* (*open)(const tessera_ffmpeg_settings* settings, char* error,
                                  size_t error_size);

  /* planes: y (height, width), cb and cr (height / 2, width / 2), rows without gaps. 0 if done. */
  int32_t (*write)(tessera_ffmpeg_encoder* encoder, const uint8_t* const planes[3], char* error,
                   size_t error_size);

  /* Completes the file. 0 if done. close() must follow. */
  int32_t (*finish)(tessera_ffmpeg_encoder* encoder, char* error, size_t error_size);

  /* Frees everything; the file is left as it is. */
  void (*close)(tessera_ffmpeg_encoder* encoder);
} tessera_ffmpeg_table;

/* The exported function: the table of that version, NULL if the module has another one. */
typedef const tessera_ffmpeg_table* (*tessera_ffmpeg_entry)(uint32_t abi_version);

#ifdef __cplusplus
}
#endif
