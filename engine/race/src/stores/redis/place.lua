-- ARGV: order, length of the hold in ms, then SKU and units of each line.
-- Holds every line or none. Answers H, X for too little stock, or what was answered before.
local key = 'o:' .. ARGV[1]
local known = redis.call('GET', key)
if known then
    return redis.status_reply(string.sub(known, 1, 1))
end
local skus = {}
for i = 3, #ARGV, 2 do
    skus[#skus + 1] = ARGV[i]
end
local free = redis.call('HMGET', 'free', unpack(skus))
for i = 1, #skus do
    if tonumber(free[i] or 0) < tonumber(ARGV[2 * i + 2]) then
        redis.call('SET', key, 'X')
        return redis.status_reply('X')
    end
end
for i = 1, #skus do
    local units = ARGV[2 * i + 2]
    redis.call('HINCRBY', 'free', skus[i], -units)
    redis.call('HINCRBY', 'held', skus[i], units)
end
local now = redis.call('TIME')
local deadline = now[1] * 1000 + math.floor(now[2] / 1000) + ARGV[2]
redis.call('ZADD', 'due', deadline, ARGV[1])
redis.call('SET', key, 'H ' .. table.concat(ARGV, ' ', 3))
return redis.status_reply('H')
