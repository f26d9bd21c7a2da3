-- ARGV: order, P to start a payment or S to sell, length of the hold in ms.
-- Answers P or S, E for a hold that has ended, or what the order already is.
local key = 'o:' .. ARGV[1]
local order = redis.call('GET', key)
if not order then
    return redis.error_reply('there is no such order')
end
local state = string.sub(order, 1, 1)
if state ~= 'H' and state ~= 'P' then
    return redis.status_reply(state)
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lapsed = tonumber(redis.call('ZSCORE', 'due', ARGV[1])) <= now
if ARGV[2] == 'P' and not lapsed then
    redis.call('ZADD', 'due', now + ARGV[3], ARGV[1])
    redis.call('SET', key, 'P' .. string.sub(order, 2))
    return redis.status_reply('P')
end
local to, final = 'sold', 'S'
if lapsed then
    to, final = 'free', 'E'
end
for sku, units in string.gmatch(order, '(%d+) (%d+)') do
    redis.call('HINCRBY', 'held', sku, -units)
    redis.call('HINCRBY', to, sku, units)
end
redis.call('ZREM', 'due', ARGV[1])
redis.call('SET', key, final .. string.sub(order, 2))
return redis.status_reply(final)
