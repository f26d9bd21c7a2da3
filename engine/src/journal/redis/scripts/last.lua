-- Begins every script. KEYS: the stream, its head, the documents.
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

-- Gives the last group that the stream ever had, and its last record. Appends do not write
-- the head: it may be behind the stream, and is ahead of one that lost its end.
local function last()
  local noted = redis.call('HMGET', KEYS[2], 'group', 'seq')
  local group, seq = tonumber(noted[1] or 0), tonumber(noted[2] or 0)
  local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
  for at = 1, #info, 2 do
    if info[at] == 'last-generated-id' then
      group = math.max(group, tonumber(string.match(info[at + 1], '^%d+')))
    end
  end
  local tail = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)
  if tail[1] then
    seq = math.max(seq, tonumber(tail[1][2][4] or 0) or 0)
  end
  return group, seq
end
