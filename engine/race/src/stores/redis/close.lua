-- ARGV: order. Gives back what it holds or has sold.
-- Answers C, or what the order already is.
local key = 'o:' .. ARGV[1]
local order = redis.call('GET', key)
if not order then
    return redis.error_reply('there is no such order')
end
local state = string.sub(order, 1, 1)
local from = 'held'
if state == 'S' then
    from = 'sold'
elseif state ~= 'H' and state ~= 'P' then
    return redis.status_reply(state)
end
for sku, units in string.gmatch(order, '(%d+) (%d+)') do
    redis.call('HINCRBY', from, sku, -units)
    redis.call('HINCRBY', 'free', sku, units)
end
redis.call('ZREM', 'due', ARGV[1])
redis.call('SET', key, 'C' .. string.sub(order, 2))
return redis.status_reply('C')
