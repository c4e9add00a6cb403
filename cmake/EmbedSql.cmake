# embed_sql(<target> <file>...)
# Makes each .sql file a string constant: sql/sqlite/metadata.sql becomes
# tidemark::sql::kMetadata, declared in "embedded_sql.h".
function(embed_sql target)
  set(constants "")
  foreach(file IN LISTS ARGN)
    file(READ "${file}" text)
    get_filename_component(stem "${file}" NAME_WE)
    string(SUBSTRING "${stem}" 0 1 first)
    string(TOUPPER "${first}" first)
    string(SUBSTRING "${stem}" 1 -1 rest)
    string(APPEND constants "inline constexpr char k${first}${rest}[] = R\"sql(${text})sql\";\n")
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${file}")
  endforeach()
  set(directory "${CMAKE_CURRENT_BINARY_DIR}/embedded")
  file(CONFIGURE OUTPUT "${directory}/embedded_sql.h" @ONLY CONTENT
       "// Made by cmake/EmbedSql.cmake from sql/. Do not edit.\n#pragma once\nnamespace tidemark::sql {\n@constants@}  // namespace tidemark::sql\n")
  target_include_directories(${target} PRIVATE "${directory}")
endfunction()
